// Units of bytes, for the limits beside this file.

export const KIB = 1024;
export const MIB = 1024 * KIB;
