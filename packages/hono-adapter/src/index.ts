/** WebSocket routes for Hono on Node. */
export {};
