// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const keysFile = "keys.json"

// keyFile holds the store's secrets. They are made at the first Open and stay,
// so that clients' settings and signed URLs outlive a restart.
type keyFile struct {
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	// Master is what other secrets are derived from: 32 bytes.
	Master []byte `json:"master"`
}

// loadKeys reads the file of keys, or makes it. It is written like any other
// file of the store: readable by the owner only.
func (s *Store) loadKeys() (keyFile, error) {
	data, err := s.root.ReadFile(keysFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s.makeKeys()
	}
	if err != nil {
		return keyFile{}, err
	}
	var k keyFile
	if err := json.Unmarshal(data, &k); err != nil {
		return keyFile{}, fmt.Errorf("%s: %w", keysFile, err)
	}
	if k.AccessKey == "" || k.SecretKey == "" || len(k.Master) < 32 {
		return keyFile{}, fmt.Errorf("%s is incomplete; remove it to have new keys made", keysFile)
	}
	return k, nil
}

func (s *Store) makeKeys() (keyFile, error) {
	k := keyFile{AccessKey: "ROOT" + rand.Text(), SecretKey: rand.Text() + rand.Text(), Master: make([]byte, 32)}
	rand.Read(k.Master) // never fails
	data, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return keyFile{}, err
	}
	return k, s.writeFile(keysFile, append(data, '\n'))
}

// Credentials are a key pair for S3.
type Credentials struct {
	AccessKey string
	SecretKey string
}

// RootCredentials returns the store's own key pair, which may do everything.
func (s *Store) RootCredentials() Credentials {
	return Credentials{s.keys.AccessKey, s.keys.SecretKey}
}

const derivedPrefix = "RUN"

// Credentials returns the key pair for id, for example a run's name; the access
// key is RUN followed by it. The secret is derived from the store's master
// secret, so the pair needs no keeping: the same id always gives the same one.
// What it may do, and for how long, is what Options.Authorize says whenever it
// is used. An id has 1 to 100 of the characters A-Z a-z 0-9 . _ -
func (s *Store) Credentials(id string) (Credentials, error) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
	if id == "" || len(id) > 100 || strings.Trim(id, allowed) != "" {
		return Credentials{}, fmt.Errorf("%q cannot be part of an access key", id)
	}
	return Credentials{derivedPrefix + id, s.derivedSecret(derivedPrefix + id)}, nil
}

// CredentialsID returns the id that Credentials was given for this access key.
func CredentialsID(accessKey string) (id string, ok bool) {
	id, ok = strings.CutPrefix(accessKey, derivedPrefix)
	return id, ok && id != ""
}

func (s *Store) derivedSecret(accessKey string) string {
	return base64.RawURLEncoding.EncodeToString(s.derive("credentials", accessKey))
}

// derive makes a secret for one purpose, which says nothing about those for
// other purposes.
func (s *Store) derive(purpose, name string) []byte {
	mac := hmac.New(sha256.New, s.keys.Master)
	fmt.Fprintf(mac, "%s\x00%s", purpose, name)
	return mac.Sum(nil)
}
