/** What to do about an error of EC2, by its code (Amazon EC2 API Reference, "Error codes"); messages are not for programs. */
export function adviceFor(code: string, action: string): string | undefined {
  if (isThrottling(code))
    return "EC2 limits the requests of this account and region: the call is made again by the runtime; fewer pods at once, or a higher limit, help";
  return advice[code]?.replace("ACTION", action);
}

/** Tells whether EC2 wants fewer requests; the same one may work a little later. */
export function isThrottling(code: string): boolean {
  return throttling.includes(code);
}

const throttling = [
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
  "RequestThrottled",
  "EC2ThrottledException",
  "RequestThrottledException",
];

const exhausted =
  "the subnet has no address or prefix left: free addresses in it, or give the node network interfaces of another subnet";
const forbidden =
  "give the role of the node's instance profile the permission ec2:ACTION (docs/aws.md)";
const clock =
  "the keys or the clock of this node are not right: is the time set, and the role still the instance's?";

const advice: Readonly<Record<string, string>> = {
  PrivateIpAddressLimitExceeded:
    "the network interface has as many addresses as this instance type allows: fewer pods on the node, more interfaces, or a larger type; addresses of pods that are gone can be unassigned by hand",
  InsufficientFreeAddressesInSubnet: exhausted,
  InsufficientAddressCapacity: exhausted,
  InsufficientCidrBlocks: exhausted,
  InsufficientPrivateIpAddresses: exhausted,
  InvalidParameterValue:
    "is the address in the interface's own subnet, and none that AWS keeps? spec.subnet of the network must be empty or lie in it",
  "InvalidNetworkInterfaceID.NotFound":
    "the network interface was deleted while its NIC is still on this host",
  "InvalidIPAddress.InUse": "another network interface has the address",
  UnauthorizedOperation: forbidden,
  AccessDenied: forbidden,
  OperationNotPermitted:
    "another service of AWS manages this network interface: use one that is yours",
  AuthFailure: clock,
  RequestExpired: clock,
  ExpiredToken: clock,
  InvalidClientTokenId: clock,
};
