/** WebSocket routes for Koa. */
export {};
