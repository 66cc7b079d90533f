/** A chat room over four frameworks. */
export {};
