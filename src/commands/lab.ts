import { machineNames } from "../lib/lab/machine.ts";
import type { Verb } from "./verb.ts";

const dir = {
  type: "string",
  describe: "folder of the lab (default: multinic-lab in the temporary folder)",
} as const;
const shape = {
  hosts: { type: "number", default: 3, describe: "how many hosts" },
  nics: {
    type: "number",
    default: 2,
    describe: "secondary NICs of each host, each on a plane of its own",
  },
  kinds: {
    type: "string",
    default: "nic",
    describe: "what NICs are made of, in turn: nic, vlan, bond (comma-separated)",
  },
  machine: {
    choices: machineNames,
    describe: "give each host the NICs, GPUs, switches and NUMA nodes of such a machine",
  },
  families: { type: "string", default: "4", describe: "4, 6 or 4,6" },
  plugin: {
    choices: ["ipvlan", "macvlan"],
    describe: "link type of the lab's network (default: ipvlan where the kernel has it)",
  },
  mode: {
    type: "string",
    describe: "l2, l3, l3s (ipvlan) or bridge, private, vepa, passthru (macvlan)",
  },
  rails: {
    type: "boolean",
    default: false,
    describe: "all of a host's NICs in one network, 10.0.1.0/24, as rails",
  },
  dir,
} as const;

const network = {
  type: "boolean",
  default: true,
  describe: "define a network named lab over every plane; --no-network leaves that to lab apply",
} as const;

/** `multinic lab …`: a whole cluster in namespaces of this machine. */
export const labVerb: Verb = {
  command: "lab",
  describe: "run a whole cluster in namespaces of this machine",
  verbs: [
    {
      command: "up",
      describe: "start hosts, API server, operator and daemons, and leave them running",
      flags: { ...shape, network },
      run: async (flags, io) => (await import("./run-lab.ts")).up(flags, io),
    },
    {
      command: "down",
      describe: "take the lab down and everything with it",
      flags: { dir },
      run: async (flags, io) => (await import("./run-lab.ts")).down(flags, io),
    },
    {
      command: "demo",
      describe: "show discovery, plan, routes, pods and bandwidth, then clean up and prove it",
      flags: {
        ...shape,
        seconds: { type: "number", default: 1, describe: "length of each bandwidth test" },
      },
      run: async (flags, io) => (await import("./run-lab.ts")).runDemo(flags, io),
    },
    {
      command: "apply <file>",
      describe:
        "apply the objects of a YAML file and wait until their networks are planned and routed",
      positionals: { file: { type: "string" } },
      flags: { dir },
      run: async (flags, io) => (await import("./run-lab.ts")).apply(flags, io),
    },
    {
      command: "pod",
      describe: "pods of the lab",
      verbs: [
        {
          command: "add <name>",
          describe: "start a pod, attached as Multus attaches it",
          positionals: { name: { type: "string" } },
          flags: {
            host: { type: "string", default: "host1" },
            namespace: { type: "string", default: "default" },
            networks: {
              type: "string",
              default: "lab",
              describe: "the pod's networks annotation, either form",
            },
            limits: {
              type: "string",
              default: "",
              describe: "devices that the host's kubelet is to give to it: nvidia.com/gpu=1",
            },
            dir,
          },
          run: async (flags, io) => (await import("./run-lab.ts")).podAdd(flags, io),
        },
        {
          command: "del <name>",
          describe: "take a pod down",
          positionals: { name: { type: "string" } },
          flags: { namespace: { type: "string", default: "default" }, dir },
          run: async (flags, io) => (await import("./run-lab.ts")).podDelete(flags, io),
        },
        {
          command: "list",
          describe: "list pods with their interfaces and addresses",
          flags: { dir },
          run: async (flags, io) => (await import("./run-lab.ts")).podList(flags, io),
        },
      ],
    },
    {
      command: "exec [command..]",
      describe: "run a command on a host or in a pod: lab exec --host host1 -- kubectl get cidrs",
      positionals: { command: { type: "string", array: true } },
      flags: { host: { type: "string" }, pod: { type: "string" }, dir },
      run: async (flags, io) => (await import("./exec-lab.ts")).execIn(flags, io),
    },
    {
      command: "daemon <act>",
      describe: "stop, kill or start a host's nicd, restart the operator, take the API server away",
      positionals: {
        act: { choices: ["stop", "kill", "start", "restart-operator", "stop-api", "start-api"] },
      },
      flags: { host: { type: "string", default: "host1" }, dir },
      run: async (flags, io) => (await import("./run-lab.ts")).daemon(flags, io),
    },
    {
      command: "inside <what>",
      describe: false,
      positionals: { what: { choices: ["serve", "demo"] } },
      flags: { ...shape, network, seconds: { type: "number", default: 1 } },
      run: async (flags, io) => (await import("./inside-lab.ts")).inside(flags, io),
    },
  ],
};
