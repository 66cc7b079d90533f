/** How Express differs from the other frameworks, and why that is no fault of the adapter. */
import type { Difference } from "@longwire/testkit";

export const noLateHeaders: Difference = {
  because:
    "Express answers from the handler: nothing of the chain runs between acceptance and the 101",
};

export const rejectedStepIsSilent: Difference = {
  because: "Express 4 does not look at the promise of a middleware",
};
