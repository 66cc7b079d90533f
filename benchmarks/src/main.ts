/** Measurements of Longwire and of its peers. */
export {};
