import { addAddressRequest } from "./address.ts";
import { addLinkRequest, altnameRequest, RTM_NEWLINKPROP, setLinkRequest } from "./link.ts";
import { NLM_F_CREATE, NLM_F_EXCL, type Request } from "./message.ts";
import { RTM_NEWROUTE, routeRequest, routeText } from "./route.ts";
import type { Change } from "./types.ts";

/** Writes the request of one change, and says what it does in the words of an error (`add link a`). */
export function changeRequest(change: Change): { request: Request; doing: string } {
  switch (change.verb) {
    case "add link": {
      const { name, link, options } = change;
      const on = "parent" in link ? ` on link ${link.parent}` : "";
      return {
        request: addLinkRequest(name, link, options),
        doing: `add ${link.kind} ${name}${on}`,
      };
    }
    case "add address": {
      const { index, address, nodad } = change;
      return {
        request: addAddressRequest(index, address, { nodad }),
        doing: `add address ${address} to link ${index}`,
      };
    }
    case "set link up":
      return {
        request: setLinkRequest(change.index, { up: true }),
        doing: `set link ${change.index} up`,
      };
    case "add altname":
      return {
        request: altnameRequest(RTM_NEWLINKPROP, change.index, change.altname),
        doing: `add altname ${change.altname} to link ${change.index}`,
      };
    case "add route":
      return {
        request: routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, change.route),
        doing: `add route ${routeText(change.route)}`,
      };
  }
}
