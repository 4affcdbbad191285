// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"fmt"
	"math"
	"strconv"

	"drydock/resources"
)

// Profile is a MIG profile taken apart: 1c.3g.40gb+me is a compute instance
// of one slice in a GPU instance of three.
type Profile struct {
	C, G, GB int
	Suffix   string // "+me", "+me.all", "-me", "+gfx"
}

var profileText = re(`^(?:(\d{1,2})c\.)?(\d{1,2})g\.(\d{1,4})gb([+-][a-z.,+]+)?$`)

// ParseProfile reads "1g.10gb".
func ParseProfile(s string) (Profile, bool) {
	m := profileText.FindStringSubmatch(s)
	if m == nil {
		return Profile{}, false
	}
	n := func(s string) int { v, _ := strconv.Atoi(s); return v } // digits alone, and few
	p := Profile{C: n(m[1]), G: n(m[2]), GB: n(m[3]), Suffix: m[4]}
	if m[1] == "" {
		p.C = p.G
	}
	return p, p.G > 0
}

// String writes it as NVIDIA does: the compute slices only where they are not all.
func (p Profile) String() string {
	s := fmt.Sprintf("%dg.%dgb%s", p.G, p.GB, p.Suffix)
	if p.C != p.G {
		s = fmt.Sprintf("%dc.%s", p.C, s)
	}
	return s
}

var migName = re(`(?i)(?:^|\bmig[ _])((?:\d+c\.)?\d+g\.\d+gb(?:[+-][a-z.,+]+)?)`)

// ProfileFromName finds the profile in what a driver calls a MIG device, such
// as "NVIDIA H100 80GB HBM3 MIG 1g.10gb".
func ProfileFromName(name string) (Profile, bool) {
	m := migName.FindStringSubmatch(name)
	if m == nil {
		return Profile{}, false
	}
	return ParseProfile(m[1])
}

// ProfileFromSizes makes the profile of so many slices and MiB, of a GPU that
// has total MiB in all: the driver's rule, as NVIDIA's go-nvlib has it
// (pkg/nvlib/device/mig_profile.go): the share rounded up to an eighth, of
// the total rounded up to GiB, to the nearest GiB. No suffix can be told so.
func ProfileFromSizes(c, g int, mib, total uint64) (Profile, bool) {
	if c <= 0 || g <= 0 || mib == 0 || total == 0 || mib > total {
		return Profile{}, false
	}
	share := math.Ceil(float64(mib)/float64(total)*8) / 8
	gib := math.Ceil(float64(total) / 1024)
	return Profile{C: c, G: g, GB: int(math.Round(share * gib))}, true
}

// Canonical is the profile as the SDK spells it for a type. Drivers have been
// a GB off (3g.39gb for 3g.40gb): a profile like it in all else, within one
// GB, is it, if there is just one such.
func Canonical(typ string, p Profile) string {
	var found []string
	for _, text := range resources.Partitions(typ) {
		q, ok := ParseProfile(text)
		if ok && q.C == p.C && q.G == p.G && q.Suffix == p.Suffix && q.GB >= p.GB-1 && q.GB <= p.GB+1 {
			if q.GB == p.GB {
				return text
			}
			found = append(found, text)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return p.String()
}
