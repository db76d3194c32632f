// Lists a bucket with the AWS SDK for JavaScript, a name a line:
// list_all.cjs CLIENT BUCKET all|top (every key, or the first level's folders).

const { paginateListObjectsV2 } = require("@aws-sdk/client-s3");
const { client } = require("./client.cjs");

const [, Bucket, what] = process.argv.slice(2);

async function main() {
  const Delimiter = what === "top" ? "/" : undefined;
  for await (const page of paginateListObjectsV2({ client: client() }, { Bucket, Delimiter })) {
    for (const { Key } of page.Contents ?? []) console.log(Key);
    for (const { Prefix } of page.CommonPrefixes ?? []) console.log(Prefix);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
