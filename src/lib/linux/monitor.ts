import { codeOf } from "../errors.ts";
import { RTM_DELADDR, RTM_NEWADDR, readAddress } from "../netlink/address.ts";
import { align, writeU16, writeU32 } from "../netlink/attribute.ts";
import { RTM_DELLINK, RTM_NEWLINK, readLink } from "../netlink/link.ts";
import { type Message, readMessages } from "../netlink/message.ts";
import { RTM_DELROUTE, RTM_NEWROUTE, readRoute } from "../netlink/route.ts";
import { RTM_DELRULE, RTM_NEWRULE, readRule } from "../netlink/rule.ts";
import type { KernelEvent, Netns } from "./kernel.ts";
import {
  AF_NETLINK,
  close,
  NETLINK_ROUTE,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  setSocketOption,
  socket,
} from "./libc.ts";
import { inside } from "./netns.ts";
import { bind } from "./rarelibc.ts";

/** RTNLGRP_* (linux/rtnetlink.h) as bits of sockaddr_nl.nl_groups: group n is bit n − 1. */
const GROUPS =
  (1 << 0) | // RTNLGRP_LINK
  (1 << 4) | // RTNLGRP_IPV4_IFADDR
  (1 << 6) | // RTNLGRP_IPV4_ROUTE
  (1 << 7) | // RTNLGRP_IPV4_RULE
  (1 << 8) | // RTNLGRP_IPV6_IFADDR
  (1 << 10) | // RTNLGRP_IPV6_ROUTE
  (1 << 18); // RTNLGRP_IPV6_RULE
const SO_RCVBUFFORCE = 33;
/** Room for some thousand notifications: 40,000 routes that change at once overflow any buffer and end in a resync. */
const RECEIVE_BUFFER = 4 << 20;
const HEADER = 16;

/**
 * Follows links, addresses, routes and rules of both families, in this thread's namespace or in `netns`. Listens from the
 * call on: list what there is after it. Ends when `signal` aborts. Lost notifications (ENOBUFS) come as one `resync`.
 */
export function watchKernel(
  options: { netns?: Netns },
  signal: AbortSignal,
): AsyncIterable<KernelEvent> {
  return follow(options.netns, subscribe(options.netns), signal);
}

/** Reads a run of notifications; what is cut off, or does not decode, is a `resync`. */
export function readEvents(chunk: Uint8Array): KernelEvent[] {
  const events: KernelEvent[] = [];
  let length = 0;
  for (const message of readMessages(chunk)) {
    length += align(HEADER + message.body.length);
    const event = readEvent(message);
    if (event) events.push(event);
  }
  if (length < chunk.length) events.push({ kind: "resync" });
  return events;
}

interface Subscription {
  /** The next run of notifications; undefined at the end. Rejects with ENOBUFS when the kernel dropped some. */
  next(): Promise<Uint8Array | undefined>;
  close(): void;
}

async function* follow(
  netns: Netns | undefined,
  first: Subscription,
  signal: AbortSignal,
): AsyncGenerator<KernelEvent> {
  let subscription = first;
  const stop = () => subscription.close();
  signal.addEventListener("abort", stop);
  try {
    while (!signal.aborted) {
      const chunk = await subscription.next().catch((error) => {
        if (codeOf(error) === "ENOBUFS") return "lost" as const;
        throw error;
      });
      if (chunk === undefined) return;
      if (chunk === "lost") {
        subscription.close();
        subscription = subscribe(netns);
        yield { kind: "resync" };
      } else yield* readEvents(chunk);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    subscription.close();
  }
}

function subscribe(netns: Netns | undefined): Subscription {
  const fd = netns ? inside(netns, openGroups) : openGroups();
  // Bun reads several datagrams into one chunk of 64 KiB and more; readEvents notices one that was cut off.
  const reader = Bun.file(fd).stream().getReader();
  let open = true;
  return {
    async next() {
      const { value } = await reader.read();
      return value;
    },
    close() {
      if (!open) return;
      open = false;
      // Only an error that read() has told already can come of it. Bun leaves the descriptor to its owner.
      reader.cancel().catch(() => undefined);
      close(fd);
    },
  };
}

function openGroups(): number {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
  setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
  // struct sockaddr_nl: family u16, pad u16, port u32 (0: the kernel gives one), groups u32.
  const address = new Uint8Array(12);
  writeU16(address, 0, AF_NETLINK);
  writeU32(address, 8, GROUPS);
  bind(fd, address);
  return fd;
}

function readEvent(message: Message): KernelEvent | undefined {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const link = readLink(message);
      return link && { kind: "link", gone: message.type === RTM_DELLINK, link };
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = readAddress(message);
      return address && { kind: "address", gone: message.type === RTM_DELADDR, address };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = readRoute(message);
      return route && { kind: "route", gone: message.type === RTM_DELROUTE, route };
    }
    case RTM_NEWRULE:
    case RTM_DELRULE: {
      const rule = readRule(message);
      return rule && { kind: "rule", gone: message.type === RTM_DELRULE, rule };
    }
    default:
      return undefined;
  }
}
