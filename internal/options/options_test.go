// SPDX-License-Identifier: Apache-2.0

package options

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drydock/executor"
	"drydock/sandbox"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1m30s": 90 * time.Second, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour,
		"10": 10 * time.Second, "0.5": 500 * time.Millisecond, "0": 0, "-1s": -time.Second, "1d12h": 0,
	} {
		got, err := Duration(text)
		if text == "1d12h" {
			if err == nil {
				t.Errorf("%s is taken for %s", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "soon", "1 h", "99999999d", "1e9", "NaN", "d", "5S"} {
		if got, err := Duration(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		} else if !strings.Contains(err.Error(), "accepted") {
			t.Errorf("%q: %v does not say what is accepted", text, err)
		}
	}
}

func TestOOMRetry(t *testing.T) {
	for text, want := range map[string]*executor.OOMRetry{
		"":                        nil,
		"off":                     nil,
		"2x":                      {Factor: 2},
		"2":                       {Factor: 2},
		"1.5x,max=2Gi,attempts=5": {Factor: 1.5, Max: 2 << 30, Attempts: 5},
		"2x,attempts=1,max=512Mi": {Factor: 2, Max: 512 << 20, Attempts: 1},
	} {
		got, err := OOMRetry(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{"0.5x", "1x", "-2x", "x", "NaN", "Inf", "1e9x", "2x,", "2x,max=", "2x,max=-1Gi", "2x,max=0",
		"2x,attempts=0", "2x,attempts=many", "2x,max=1Gi,max=2Gi", "max=2Gi", "2x;max=2Gi"} {
		if got, err := OOMRetry(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestVolume(t *testing.T) {
	for text, want := range map[string]sandbox.Mount{
		"/data:/mnt":       {Source: "/data", Target: "/mnt"},
		"data:/mnt/:ro":    {Source: "/here/data", Target: "/mnt", ReadOnly: true},
		"../up:/a/../b:rw": {Source: "/up", Target: "/b"},
	} {
		got, err := Volume(text, "/here")
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "/data", ":/mnt", "/data:", "/data:mnt", "/data:/mnt:rx", "/a:/b:ro:x", "/a:/", "/a:/.."} {
		if got, err := Volume(text, "/here"); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestGrace(t *testing.T) {
	if d, err := Grace("0"); err != nil || d >= 0 {
		t.Errorf("no grace is %s, %v; executor.Task wants it negative", d, err)
	}
	if _, err := Grace("-1s"); err == nil {
		t.Error("a negative grace is taken")
	}
	for _, text := range []string{"0s", "-1s", "0"} {
		if _, err := Timeout(text); err == nil {
			t.Errorf("a timeout of %s is taken", text)
		}
	}
}

func FuzzOOMRetry(f *testing.F) {
	f.Add("2x,max=2Gi,attempts=5")
	f.Add("1.5")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := OOMRetry(text)
		if err != nil || r == nil {
			return
		}
		if !(r.Factor > 1) || r.Max < 0 || r.Attempts < 0 {
			t.Errorf("%q became %+v", text, r)
		}
	})
}
