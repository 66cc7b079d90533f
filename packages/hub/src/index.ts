/** Rooms and broadcast for Longwire connections. */
export {};
