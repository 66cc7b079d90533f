/** The behaviour suite and peers that every Longwire adapter is tested with. */
export {};
