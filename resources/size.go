// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	kibi = int64(1) << 10
	mebi = int64(1) << 20
	gibi = int64(1) << 30
)

// ParseSize reads a size as Kubernetes writes it and returns bytes, rounded up and never beyond 2^63-1. What a person
// would regret is an error (*FieldError) with a hint: "400m" is less than a byte ("did you mean 400Mi?"), "64" is 64
// bytes, "-1Gi" is negative. Zero is a size here.
func ParseSize(s string) (int64, error) {
	if q, err := Quantity(s).Parse(); err == nil && q.IsZero() && hasDigit(s) {
		return 0, nil
	}
	for _, f := range sizeFindings("size", Quantity(s), func(v string) string { return `"` + v + `"` }) {
		if f.refuse || f.Code == CodeMisread || f.Code == CodeNoNumber {
			return 0, f.err(s)
		}
	}
	if s == "" {
		return 0, &FieldError{Field: "size", Reason: "no size given", Hint: `write a size such as "64Mi"`}
	}
	q, err := Quantity(s).Parse()
	if err != nil {
		return 0, err // not reached: sizeFindings refuses what does not parse
	}
	return saturated(q, 1), nil
}

// FormatSize is the canonical Kubernetes text of a number of bytes: "64Mi", "1536Mi", "1000" for what is no whole
// KiB.
func FormatSize(bytes int64) string {
	return resource.NewQuantity(bytes, resource.BinarySI).String()
}

// FormatSizeHuman is a size for people, with at most one decimal: "64 MiB", "1.4 GiB", "512 B".
func FormatSizeHuman(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	v, u := float64(bytes), 0
	for math.Abs(v) >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	// 1023.97 MiB would read "1024 MiB".
	if math.Round(math.Abs(v)*10)/10 >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + units[u]
}

// NextMemory is the memory limit to try after limit bytes were not enough: limit times factor, rounded up to a whole
// MiB, at most max bytes (max 0 or less: no bound). It reports false when nothing larger is allowed: limit is already
// at max, or factor is not above 1. Retry and suggestion both use it, so that they agree.
func NextMemory(limit int64, factor float64, max int64) (Quantity, bool) {
	if limit <= 0 || !(factor > 1) {
		return "", false
	}
	if max <= 0 {
		max = math.MaxInt64
	}
	next := scaleUp(limit, factor)
	if next > max {
		next = max
	}
	if next <= limit {
		return "", false
	}
	return Quantity(FormatSize(next)), true
}

// scaleUp multiplies and rounds up to a whole MiB, saturating.
func scaleUp(limit int64, factor float64) int64 {
	v := math.Ceil(float64(limit)*factor/float64(mebi)) * float64(mebi)
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(v)
}

// double is twice a size, as text, for hints.
func double(bytes int64) string {
	if bytes > math.MaxInt64/2 {
		return FormatSize(bytes)
	}
	return FormatSize(2 * bytes)
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }
