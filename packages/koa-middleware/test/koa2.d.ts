/** Koa 2 under an alias; what the tests use of it is the same. */
declare module "koa2" {
  import Koa from "koa";
  export default Koa;
}
