// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"drydock/integration/flyte/objects/internal/keypath"
)

// Parameters of a signed URL. The signature covers the method, the key and all
// of them.
const (
	paramExpires  = "expires"  // Unix seconds
	paramMD5      = "md5"      // hex
	paramMax      = "max"      // bytes
	paramType     = "type"     // content type to store, or to serve
	paramFilename = "filename" // to offer for saving
	paramSig      = "sig"
)

// UploadTerms bind what may be uploaded to a signed URL.
type UploadTerms struct {
	MD5         []byte // of the content, 16 bytes; nil leaves it open
	MaxSize     int64  // bytes; 0 leaves it open
	ContentType string // stored whatever the client sends; "" takes the client's
}

// SignUpload returns a URL to which anybody can PUT the object's content until
// expires, and headers that the client should send with it. base is the URL at
// which clients reach SignedHandler, up to and including its prefix, for
// example http://localhost:8090/objects.
func (s *Store) SignUpload(base, key string, expires time.Time, terms UploadTerms) (signed string, headers map[string]string, err error) {
	params := url.Values{}
	headers = map[string]string{}
	if len(terms.MD5) > 0 {
		params.Set(paramMD5, hex.EncodeToString(terms.MD5))
		headers["Content-MD5"] = base64.StdEncoding.EncodeToString(terms.MD5)
	}
	if terms.MaxSize > 0 {
		params.Set(paramMax, strconv.FormatInt(terms.MaxSize, 10))
	}
	if terms.ContentType != "" {
		params.Set(paramType, terms.ContentType)
		headers["Content-Type"] = terms.ContentType
	}
	signed, err = s.signURL(http.MethodPut, base, key, expires, params)
	return signed, headers, err
}

// DownloadTerms say how an object is served from a signed URL.
type DownloadTerms struct {
	Filename    string // offered for saving; "" offers none
	ContentType string // in place of the object's own; "" leaves that
}

// SignDownload returns a URL from which anybody can GET the object until
// expires. base is as in SignUpload. The object need not exist yet.
func (s *Store) SignDownload(base, key string, expires time.Time, terms DownloadTerms) (string, error) {
	params := url.Values{}
	if terms.Filename != "" {
		params.Set(paramFilename, terms.Filename)
	}
	if terms.ContentType != "" {
		params.Set(paramType, terms.ContentType)
	}
	return s.signURL(http.MethodGet, base, key, expires, params)
}

func (s *Store) signURL(method, base, key string, expires time.Time, params url.Values) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("sign a URL: %q is not a URL with a host and a path only", base)
	}
	params.Set(paramExpires, strconv.FormatInt(expires.Unix(), 10))
	// The path is that of the object's file: like there, no segment of it is
	// empty or a dot, which clients and muxes would make something else of.
	path := keypath.Encode(key)
	params.Set(paramSig, s.urlSignature(method, path, params))
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/")+"/"+path, ""
	u.RawQuery = params.Encode()
	return u.String(), nil
}

// urlSignature signs params as they are, so whatever is added, changed or left
// out later makes it another one.
func (s *Store) urlSignature(method, path string, params url.Values) string {
	mac := hmac.New(sha256.New, s.derive("signed URL", ""))
	fmt.Fprintf(mac, "%s\n%s\n%s", method, path, params.Encode())
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// checkURL proves that this store signed the URL of r for what r does, and that
// it is still valid. path is the URL's after the handler's prefix.
func (s *Store) checkURL(r *http.Request, path string) (key string, params url.Values, err error) {
	key, ok := keypath.Decode(path)
	params, queryErr := url.ParseQuery(r.URL.RawQuery)
	if !ok || queryErr != nil {
		return "", nil, fmt.Errorf("%w: this is not a signed URL", errDenied)
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	sig := params.Get(paramSig)
	params.Del(paramSig)
	if !hmac.Equal([]byte(sig), []byte(s.urlSignature(method, path, params))) {
		return "", nil, &apiError{http.StatusForbidden, "SignatureDoesNotMatch", "The signature of this URL is not for this request"}
	}
	expires, err := strconv.ParseInt(params.Get(paramExpires), 10, 64)
	if err != nil || s.opts.Now().Unix() >= expires {
		// The SDK knows an expired URL by these words.
		return "", nil, &apiError{http.StatusForbidden, "AccessDenied", "Request has expired"}
	}
	return key, params, nil
}
