import type { KubeObject } from "../api/meta.ts";
import { isOlder } from "./copy.ts";
import type { KubeList, ObjectVersion } from "./kube.ts";

/** Finds changes that a watch never told of, between two watches. */
export interface Audit {
  /**
   * Compares a copy that is true up to `version` with the server's present list, and returns what the copy has wrong for
   * sure. What may be a deletion still to come is looked at again next time.
   */
  compare(
    copy: readonly KubeObject[],
    version: string,
    list: KubeList<ObjectVersion>,
  ): readonly string[];
  /** True while something is to be looked at again. */
  readonly pending: boolean;
}

/** Makes an audit of one copy. */
export function createAudit(): Audit {
  /** Objects that the server no longer had, by uid, with the version of the list that showed it. */
  let missing = new Map<string, string>();
  return {
    compare(copy, version, list) {
      const lost: string[] = [];
      const held = new Map(copy.map(({ metadata }) => [titleOf(metadata), metadata]));
      const present = new Set<string>();
      for (const item of list.items) {
        const title = titleOf(item);
        present.add(item.uid);
        // What is newer than the copy comes with the next watch.
        if (isOlder(version, item.resourceVersion)) continue;
        const mine = held.get(title);
        if (mine?.uid !== item.uid || mine.resourceVersion !== item.resourceVersion)
          lost.push(title);
      }
      const before = missing;
      missing = new Map();
      for (const [title, { uid = "" }] of held) {
        if (present.has(uid)) continue;
        const since = before.get(uid) ?? list.resourceVersion;
        // The watch has passed the time at which it was gone already, and did not say so.
        if (!isOlder(version, since)) lost.push(title);
        else missing.set(uid, since);
      }
      return lost;
    },
    get pending() {
      return missing.size > 0;
    },
  };
}

function titleOf({ name, namespace }: { name: string; namespace?: string | undefined }): string {
  return namespace ? `${namespace}/${name}` : name;
}
