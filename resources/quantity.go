// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Quantity is a Kubernetes quantity as it was written ("500m", "64Mi", "0.5"). The empty Quantity means not given.
type Quantity string

// Auto is the one word that Resources.Shm takes besides a size: as much shared memory as the memory limit allows.
const Auto Quantity = "auto"

const (
	// maxText is the longest quantity a person may write; no sensible one has more than a dozen characters.
	maxText = 128
	// maxExponentDigits bounds what follows an e: a cluster has no use for more than two digits.
	maxExponentDigits = 2
	// maxScale bounds exponents that the Kubernetes parser gets at all: beyond, comparing two quantities, or
	// merely parsing one, can take forever.
	maxScale = 100_000
)

var (
	errTooLong   = errors.New("too long for a quantity")
	errExponent  = errors.New("the exponent has more than two digits")
	errNeverEnds = errors.New("the exponent is beyond what can be computed")
)

// Parse reads q as Kubernetes does, refusing only what no cluster has a use for: more than 128 characters, or an
// exponent of more than two digits (some of those would keep the Kubernetes parser busy forever).
func (q Quantity) Parse() (resource.Quantity, error) {
	if len(q) > maxText {
		return resource.Quantity{}, errTooLong
	}
	if e, ok := exponent(string(q)); ok && len(strings.TrimLeft(e, "+-0")) > maxExponentDigits {
		return resource.Quantity{}, errExponent
	}
	return parseKubernetes(string(q))
}

// fastDigits is how many digits the Kubernetes parser takes without writing the number out.
const fastDigits = 18

// parseKubernetes is resource.ParseQuantity without the inputs that hang it: it rounds to nano, which writes out a
// number with a far negative exponent, and one of more than 18 digits with a far positive one. Exponents are cut to
// 32 bits there, so the guard looks at the number that remains.
func parseKubernetes(s string) (resource.Quantity, error) {
	if e, ok := exponent(s); ok {
		n, err := strconv.ParseInt(e, 10, 64)
		digits, plain := mantissa(s)
		if err == nil && plain && (int32(n) < -maxScale || int32(n) > maxScale && digits > fastDigits) {
			return resource.Quantity{}, fmt.Errorf("parse %q: %w", clip(s), errNeverEnds)
		}
	}
	return resource.ParseQuantity(s)
}

// mantissa counts the digits before the e of a decimal exponent, without leading zeros; plain says that it is a
// number at all.
func mantissa(s string) (digits int, plain bool) {
	m := s[:strings.IndexAny(s, "eE")]
	if m != "" && (m[0] == '+' || m[0] == '-') {
		m = m[1:]
	}
	whole, rest, _ := strings.Cut(m, ".")
	return len(strings.TrimLeft(whole, "0")) + len(rest), hasDigit(m) && isPlain(whole) && isPlain(rest)
}

// canCompare reports whether q can be compared with others in reasonable time: resource.Quantity.Cmp brings both to
// one scale, which for 1e2147483647 means two thousand million digits.
func canCompare(s string) bool {
	e, ok := exponent(s)
	if !ok {
		return true
	}
	n, err := strconv.ParseInt(e, 10, 64)
	return err != nil || (int32(n) <= maxScale && int32(n) >= -maxScale)
}

// exponent returns what follows the e of a decimal exponent ("3" in "1e3", "-2" in "1E-2").
func exponent(s string) (string, bool) {
	i := strings.IndexAny(s, "eE")
	if i < 0 || i+1 == len(s) {
		return "", false
	}
	e := s[i+1:]
	for j, c := range e {
		if (c < '0' || c > '9') && (j > 0 || (c != '+' && c != '-')) {
			return "", false
		}
	}
	return e, true
}

// saturated is q times scale, rounded up and held within int64: resource.Quantity's own Value and MilliValue wrap
// around instead.
func saturated(q resource.Quantity, scale int64) int64 {
	if i, ok := q.AsInt64(); ok && scale == 1 {
		return i
	}
	d := q.AsDec()
	digits := new(big.Int).Set(d.UnscaledBig())
	if digits.Sign() == 0 {
		return 0
	}
	// value = digits * 10^-s * scale
	s := int(d.Scale())
	switch {
	case s < -40:
		return bound(digits.Sign())
	case s > 40+len(digits.Text(10)):
		return max(0, int64(digits.Sign()))
	}
	digits.Mul(digits, big.NewInt(scale))
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs(s))), nil)
	if s <= 0 {
		digits.Mul(digits, power)
	} else {
		rest := new(big.Int)
		// DivMod floors for a positive divisor; anything left over rounds up, as Kubernetes rounds.
		if digits.DivMod(digits, power, rest); rest.Sign() > 0 {
			digits.Add(digits, big.NewInt(1))
		}
	}
	if !digits.IsInt64() {
		return bound(digits.Sign())
	}
	return digits.Int64()
}

func bound(sign int) int64 {
	if sign < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// clip shortens text for an error message.
func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:77], "") + "..."
}
