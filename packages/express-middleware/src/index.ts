/** WebSocket routes for Express 4 and 5. */
export {};
