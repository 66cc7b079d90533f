/** WebSocket routes for Fastify. */
export {};
