// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// minToken is the shortest token that is taken: 16 random letters are beyond
// guessing over a network.
const minToken = 16

// TokenError says why a token file is not taken.
type TokenError struct {
	Path, Reason, Remedy string
}

func (e *TokenError) Error() string { return fmt.Sprintf("%s: %s; %s", e.Path, e.Reason, e.Remedy) }

// ReadToken reads the secret that others must show from a file that is its
// owner's alone.
func ReadToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", &TokenError{path, "the token file cannot be read", "name an existing file of your own: (umask 077; openssl rand -hex 32 > token)"}
	}
	if !info.Mode().IsRegular() {
		return "", &TokenError{path, "the token file is no file", "name a file that holds the token"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", &TokenError{path, "others may read the token file", "chmod 600 " + path}
	}
	const most = 4096
	if info.Size() > most {
		return "", &TokenError{path, "the token file is too large for a token", "it holds the token and nothing else"}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", &TokenError{path, "the token file cannot be read", "it must be readable by you"}
	}
	token := strings.TrimSpace(string(data))
	switch {
	case len(token) < minToken:
		return "", &TokenError{path, fmt.Sprintf("the token has %d characters", len(token)), fmt.Sprintf("at least %d are needed: openssl rand -hex 32", minToken)}
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", &TokenError{path, "the token has characters that no header can carry", "use letters and digits: openssl rand -hex 32"}
	}
	return token, nil
}

// shows reports whether a request carries the token. It takes the same time
// for every wrong one.
func shows(r *http.Request, token string) bool {
	if token == "" {
		return false
	}
	scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	// Of equal length whatever was given.
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
