// A client for the server under test, as the environment describes it.

const { S3Client } = require("@aws-sdk/client-s3");

exports.client = (credentials) => new S3Client({
  endpoint: process.env.ENDPOINT,
  region: process.env.AWS_DEFAULT_REGION,
  forcePathStyle: true,
  maxAttempts: 1,
  credentials: {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
    ...credentials,
  },
});
