// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"net/http"
	"slices"
	"strings"

	"drydock/integration/flyte/objects/internal/sigv4"
)

// Grant is what the bearer of a key pair may do. A prefix stands for the keys
// below it, as a directory would: "runs/a" and "runs/a/" both cover runs/a/x
// and not runs/ab. The empty prefix covers everything.
type Grant struct {
	Read  []string // get, head and list below these
	Write []string // put, copy to, upload in parts and delete below these
	// Secret is the key pair's, if it is not one that Credentials returned.
	Secret string
}

// access is a proven grant.
type access struct {
	root        bool
	read, write []string
}

func (g Grant) access() access {
	return access{read: directories(g.Read), write: directories(g.Write)}
}

func directories(prefixes []string) []string {
	var dirs []string
	for _, p := range prefixes {
		if p != "" && !strings.HasSuffix(p, "/") {
			p += "/"
		}
		dirs = append(dirs, p)
	}
	return dirs
}

func (a access) mayRead(key string) bool  { return a.root || covered(a.read, key) }
func (a access) mayWrite(key string) bool { return a.root || covered(a.write, key) }

// covered is right for the prefixes of listings, too: all that begins with a
// longer prefix begins with the shorter one.
func covered(dirs []string, key string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(key, dir) })
}

// authenticate proves who sent the request and returns what they may do, and
// the hash that its body must have. The error is a *sigv4.Error.
func (s *Store) authenticate(r *http.Request) (a access, payloadHash string, err error) {
	claim, err := sigv4.Parse(r)
	if err != nil {
		return access{}, "", err
	}
	secret, a, ok := s.secret(claim.AccessKey)
	if !ok {
		return access{}, "", &sigv4.Error{Code: "InvalidAccessKeyId", Message: "The access key is not known here, or not any more"}
	}
	if err := claim.Verify(r, secret, s.opts.Now()); err != nil {
		return access{}, "", err
	}
	return a, claim.PayloadHash, nil
}

func (s *Store) secret(accessKey string) (secret string, a access, ok bool) {
	if accessKey == s.keys.AccessKey {
		return s.keys.SecretKey, access{root: true}, true
	}
	if secret := s.opts.Keys[accessKey]; secret != "" {
		return secret, access{root: true}, true
	}
	if s.opts.Authorize == nil {
		return "", access{}, false
	}
	grant, ok := s.opts.Authorize(accessKey)
	if !ok {
		return "", access{}, false
	}
	if grant.Secret == "" {
		if _, derived := CredentialsID(accessKey); !derived {
			return "", access{}, false
		}
		grant.Secret = s.derivedSecret(accessKey)
	}
	return grant.Secret, grant.access(), true
}
