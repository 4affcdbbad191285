// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration reads a time as people write it: 90s, 1m30s, 1.5h, 2d, or a plain
// number of seconds.
func Duration(s string) (time.Duration, error) {
	text, unit := s, time.Duration(1)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		text, unit = days+"h", 24
	} else if n := len(s); n > 0 && s[n-1] >= '0' && s[n-1] <= '9' {
		text = s + "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d.Abs() > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a time; accepted: 90s, 1m30s, 2h, 1d, or a number of seconds", s)
	}
	return d * unit, nil
}
