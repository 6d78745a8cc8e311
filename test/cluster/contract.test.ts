import { describeContract } from "../contract/contract-suite.ts";
import { startControlPlane } from "./control-plane.ts";

describeContract(
  "a real kube-apiserver (no streamed lists: etcd 3.4)",
  async () => ({ ...(await startControlPlane()), isReal: true, hasControllers: true }),
  { isReal: true, hasControllers: true, lacksWatchProgress: true },
);
