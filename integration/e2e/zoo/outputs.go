// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func stdout(r *run, key string, want json.RawMessage) string {
	return among(key, string(r.output["stdout"]), want)
}

func outputMatches(r *run, key string, want json.RawMessage) string {
	return anyMatch(key, want, string(r.output[strings.TrimSuffix(key, "_re")]))
}

func stdoutBytes(r *run, key string, want json.RawMessage) string {
	return among(key, float64(len(r.output["stdout"])), want)
}

func stdoutLines(r *run, key string, want json.RawMessage) string {
	return among(key, float64(bytes.Count(r.output["stdout"], []byte("\n"))), want)
}

func stdoutSum(r *run, key string, want json.RawMessage) string {
	sum := sha256.Sum256(r.output["stdout"])
	return among(key, hex.EncodeToString(sum[:]), want)
}

func cwdFiles(r *run, key string, want json.RawMessage) string {
	return files(key, want, func(name string) string { return filepath.Join(r.place.cwd, filepath.FromSlash(name)) })
}

func hostFiles(_ *run, key string, want json.RawMessage) string {
	return files(key, want, func(name string) string { return name })
}

// files compares the contents of files; null means absent.
func files(key string, want json.RawMessage, path func(string) string) string {
	var wanted map[string]json.RawMessage
	if err := json.Unmarshal(want, &wanted); err != nil {
		return key + ": " + err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		var got any
		content, err := os.ReadFile(path(name))
		switch {
		case err == nil:
			got = string(content)
		case !errors.Is(err, os.ErrNotExist):
			return key + ": " + err.Error()
		}
		if problem := among(key+" "+name, got, wanted[name]); problem != "" {
			return problem
		}
	}
	return ""
}

func hostAbsent(_ *run, key string, want json.RawMessage) string {
	var paths []string
	if err := json.Unmarshal(want, &paths); err != nil {
		return key + ": " + err.Error()
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			_ = os.Remove(path)
			return key + ": " + path + " exists on the host"
		}
	}
	return ""
}

func peak(r *run, key string, want json.RawMessage) string {
	var bounds [2]float64
	if err := json.Unmarshal(want, &bounds); err != nil {
		return key + ": " + err.Error()
	}
	usage, _ := r.last()["usage"].(map[string]any)
	bytes, ok := usage["memory_peak"].(float64)
	if !ok {
		return "the last attempt has no usage.memory_peak"
	}
	if mib := bytes / (1 << 20); mib < bounds[0] || mib > bounds[1] {
		return fmt.Sprintf("memory_peak is %.1f MiB, want between %v and %v", mib, bounds[0], bounds[1])
	}
	return ""
}

func rss(r *run, key string, want json.RawMessage) string {
	if r.rssMB == 0 {
		return key + ": drydock ended before it could be measured"
	}
	return atMost(key, r.rssMB, want)
}

func atMost(key string, got float64, want json.RawMessage) string {
	var most float64
	if err := json.Unmarshal(want, &most); err != nil {
		return key + ": " + err.Error()
	}
	if got > most {
		return fmt.Sprintf("%s is %.2f, want at most %v", key, got, most)
	}
	return ""
}
