// SPDX-License-Identifier: Apache-2.0

package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"

	// MaxSkew is how far the client's clock may be from ours.
	MaxSkew = 15 * time.Minute

	// Unsigned is the payload hash of a body that the signature leaves out.
	Unsigned = "UNSIGNED-PAYLOAD"
)

// Error is a refusal. Code is S3's name for it.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func malformed(message string) error {
	return &Error{Code: "AuthorizationHeaderMalformed", Message: message}
}

// Claim is what a request says about its signature, unproven.
type Claim struct {
	AccessKey string
	// PayloadHash is the SHA-256 of the body in lower-case hex, or Unsigned.
	// Verify proves that the client said so, not that the body has this hash.
	PayloadHash string

	scope     string // date/region/service/aws4_request
	at        string
	headers   []string
	signature []byte
}

// Parse reads the claim of r. The error is an *Error.
func Parse(r *http.Request) (*Claim, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, &Error{Code: "AccessDenied", Message: "The request is not signed"}
	}
	fields, found := strings.CutPrefix(header, algorithm+" ")
	if !found {
		return nil, malformed("Only " + algorithm + " is supported")
	}
	c := &Claim{at: r.Header.Get("X-Amz-Date")}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			c.AccessKey, c.scope, _ = strings.Cut(value, "/")
		case "SignedHeaders":
			c.headers = strings.Split(value, ";")
		case "Signature":
			c.signature, _ = hex.DecodeString(value)
		}
	}
	if c.AccessKey == "" || len(c.headers) == 0 || len(c.signature) != sha256.Size {
		return nil, malformed("Credential, SignedHeaders and Signature are required")
	}
	if err := c.checkHeaders(r); err != nil {
		return nil, err
	}
	return c, c.checkPayloadHash(r)
}

// checkHeaders wants signed what changes a request's meaning.
func (c *Claim) checkHeaders(r *http.Request) error {
	if !slices.Contains(c.headers, "host") {
		return malformed("The host header must be signed")
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(c.headers, name) {
			return &Error{Code: "AccessDenied", Message: "There were headers present in the request which were not signed: " + name}
		}
	}
	return nil
}

func (c *Claim) checkPayloadHash(r *http.Request) error {
	c.PayloadHash = r.Header.Get("X-Amz-Content-Sha256")
	if c.PayloadHash == Unsigned {
		return nil
	}
	if strings.HasPrefix(c.PayloadHash, "STREAMING-") {
		return &Error{Code: "NotImplemented", Message: "Bodies signed in chunks or with trailers are not supported"}
	}
	if sum, err := hex.DecodeString(c.PayloadHash); err != nil || len(sum) != sha256.Size {
		return &Error{Code: "InvalidArgument", Message: "x-amz-content-sha256 must be " + Unsigned + " or the SHA-256 of the body in hex"}
	}
	return nil
}

// Verify checks that the request's signature was made with secret, and not
// more than MaxSkew from now. The error is an *Error.
func (c *Claim) Verify(r *http.Request, secret string, now time.Time) error {
	at, err := time.Parse(timeFormat, c.at)
	if err != nil {
		return &Error{Code: "AccessDenied", Message: "x-amz-date is missing or malformed"}
	}
	date, rest, _ := strings.Cut(c.scope, "/")
	region, service, _ := strings.Cut(rest, "/")
	if date != c.at[:8] || region == "" || service != "s3/aws4_request" {
		return malformed("The credential's scope must be <the day of x-amz-date>/<region>/s3/aws4_request")
	}
	canonical, err := canonicalRequest(r, c.headers, c.PayloadHash)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(canonical))
	text := algorithm + "\n" + c.at + "\n" + c.scope + "\n" + hex.EncodeToString(digest[:])
	if !hmac.Equal(c.signature, sum(signingKey(secret, date, region), text)) {
		return &Error{Code: "SignatureDoesNotMatch", Message: "The request signature we calculated does not match the signature you provided"}
	}
	if at.Before(now.Add(-MaxSkew)) || at.After(now.Add(MaxSkew)) {
		return &Error{Code: "RequestTimeTooSkewed", Message: "The difference between the request time and the current time is too large"}
	}
	return nil
}

func signingKey(secret, date, region string) []byte {
	key := sum([]byte("AWS4"+secret), date)
	for _, part := range []string{region, "s3", "aws4_request"} {
		key = sum(key, part)
	}
	return key
}

func sum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
