/** Lower versions under an alias; what the tests use of them is the same. */
declare module "express-oldest4" {
  import express from "express";
  export default express;
}
declare module "express-oldest5" {
  import express from "express";
  export default express;
}
