// SPDX-License-Identifier: Apache-2.0

// Package sigv4 checks AWS Signature Version 4 in the Authorization header, the
// one way in which S3 clients with a key pair prove who they are.
//
// It is strict where that costs no client anything: the host and every x-amz-
// header must be signed, the clocks may differ by 15 minutes, and the payload
// is either hashed or declared unsigned. Presigned queries and chunk signatures
// are not accepted. Parse says who claims to speak, Verify whether that is true.
package sigv4
