/** Other versions of Koa under an alias; what the tests use of them is the same. */
declare module "koa2" {
  import Koa from "koa";
  export default Koa;
}
declare module "koa-oldest2" {
  import Koa from "koa";
  export default Koa;
}
declare module "koa-oldest3" {
  import Koa from "koa";
  export default Koa;
}
