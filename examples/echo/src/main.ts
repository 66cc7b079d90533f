/** The echo server behind benchmarks and conformance runs. */
export {};
