import { expect, setDefaultTimeout, test } from "bun:test";
import { readEvents } from "../../../src/lib/linux/monitor.ts";
import { readAddress } from "../../../src/lib/netlink/address.ts";
import { Conn } from "../../../src/lib/netlink/conn.ts";
import { listLinksRequest, readLink } from "../../../src/lib/netlink/link.ts";
import { type Message, readMessages, readVerdict } from "../../../src/lib/netlink/message.ts";
import { readRoute } from "../../../src/lib/netlink/route.ts";
import { readRule } from "../../../src/lib/netlink/rule.ts";
import { fuzz, fuzzTimeout } from "../../support/fuzz.ts";
import { mutateBytes } from "../../support/mutate.ts";
import { hex, recorded } from "../../support/recorded.ts";

// Thousands of inputs: seconds, more on a busy machine.
setDefaultTimeout(fuzzTimeout(60_000));

const topics = ["link", "link-ipvlan", "addr", "route", "rule", "error", "monitor"] as const;
const replies = topics
  .flatMap((topic) => recorded(topic).flatMap((one) => one.replies))
  .map((reply) => hex(reply).slice(0, 4096));

function read(message: Message): unknown {
  return [
    readVerdict(message),
    readLink(message),
    readAddress(message),
    readRoute(message),
    readRule(message),
  ];
}

test("the readers of rtnetlink take 40,000 mutated answers without a surprise", () => {
  const seen = fuzz({ seed: 51, runs: 40_000 }, (of) =>
    readMessages(mutateBytes(of.pick(replies), of)).map(read),
  );
  expect(seen.refused).toBe(0);
});

test("readEvents takes 5,000 mutated notifications, and tells of a resync when one was cut off", () => {
  let resyncs = 0;
  fuzz({ seed: 52, runs: 5000 }, (of) => {
    const events = readEvents(mutateBytes(of.pick(replies), of));
    if (events.some(({ kind }) => kind === "resync")) resyncs++;
  });
  expect(resyncs).toBeGreaterThan(100);
});

test("a conversation with mutated answers gives a list or a Failure", () => {
  const dumps = recorded("link").filter(({ replies: list }) => list.length > 1);
  const seen = fuzz({ seed: 53, runs: 4000 }, (of) => {
    const answers = of.pick(dumps).replies.map((reply) => hex(reply));
    const conn = new Conn((_request, take) => {
      for (const answer of answers) {
        const bytes = of.int(3) === 0 ? mutateBytes(answer, of) : answer.slice();
        // The sequence number that this conversation began with, so that the answers count.
        for (const { body } of readMessages(bytes))
          new DataView(bytes.buffer, body.byteOffset - 8, 4).setUint32(0, 1, true);
        if (take(bytes)) return;
      }
    });
    return conn.list(listLinksRequest(), "list links", readLink);
  });
  expect(seen.answered).toBeGreaterThan(100);
  expect(seen.refused).toBeGreaterThan(100);
});
