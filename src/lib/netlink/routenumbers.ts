/** linux/rtnetlink.h and linux/fib_rules.h: tables, protocols, types and scopes of routes; actions of rules. */
export const RT_TABLE_MAIN = 254;

export const RTPROT_BOOT = 3;
/** Routes that a router announced: they run out. */
export const RTPROT_RA = 9;

export const RTN_UNICAST = 1;
export const RTN_BLACKHOLE = 6;
export const RTN_UNREACHABLE = 7;
export const RTN_PROHIBIT = 8;

export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;

/** `lookup`, in the words of ip(8). */
export const FR_ACT_TO_TBL = 1;
