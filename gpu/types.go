// SPDX-License-Identifier: Apache-2.0

package gpu

import (
	"regexp"
	"slices"
	"strings"
)

// product tells a Flyte type from an NVIDIA product. Patterns are anchored at
// the start and matched against the normalised name: a substring would take a
// GH200 for an H200, and an A1000 for an A100. PCI ids are those of
// open-gpu-kernel-modules' README.md; they are asked only where the driver
// gives no proper name.
type product struct {
	name    string // the SDK's
	pattern *regexp.Regexp
	ids     []uint16
	memory  float64 // GiB of the smallest card, as vendors count them
	arch    int     // generation; larger is newer
}

// Generations of NVIDIA GPUs.
const (
	volta = iota
	turing
	ampere
	ada
	hopper
	blackwell
)

// products is asked in order; the first that matches wins.
var products = []product{
	{"RTX_PRO_6000", re(`^RTX PRO 6000 BLACKWELL( (SERVER|WORKSTATION|MAX-Q WORKSTATION) EDITION)?$`), []uint16{0x2bb5, 0x2bb1, 0x2bb4}, 96, blackwell},
	{"RTX_PRO_4500", re(`^RTX PRO 4500 BLACKWELL( SERVER EDITION)?$`), nil, 32, blackwell},
	{"GB10", re(`^GB10$`), []uint16{0x2e12}, 119, blackwell},
	{"B200", re(`^B200($|[ -])`), []uint16{0x2901}, 179, blackwell},
	{"H200", re(`^H200($|[ -])`), []uint16{0x2335, 0x233b}, 140, hopper},
	{"H100", re(`^H100($|[ -])`), []uint16{0x2330, 0x2331, 0x2321, 0x2339, 0x2336, 0x2337, 0x2338}, 79, hopper},
	{"A100_80G", re(`^A100[- ](.*[- ])?80GB($|[ -])`), []uint16{0x20b2, 0x20b5}, 79, ampere},
	{"A100", re(`^A100($|[ -])`), []uint16{0x20b0, 0x20b1, 0x20f1, 0x20b3}, 39, ampere},
	{"A10G", re(`^A10G$`), []uint16{0x2237}, 22, ampere},
	{"A10", re(`^A10$`), []uint16{0x2236}, 22, ampere},
	{"A2", re(`^A2$`), []uint16{0x25b6}, 14, ampere},
	{"L40s", re(`^L40S$`), []uint16{0x26b9}, 44, ada},
	{"L4", re(`^L4$`), []uint16{0x27b8}, 22, ada},
	{"T4", re(`^T4$`), []uint16{0x1eb8}, 14, turing},
	{"V100", re(`^V100S?($|-)`), []uint16{0x1db1, 0x1db2, 0x1db3, 0x1db4, 0x1db5, 0x1db6, 0x1db7, 0x1db8, 0x1df5, 0x1df6}, 15, volta},
}

func re(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

var (
	blanks = re(`\s+`)
	// vGPUName is the name of a part that a hypervisor hands out: "GRID A100-40C", "A100-1-5C".
	vGPUName = re(`-(?:\d+-)?\d+(?:CME|QME|C|Q|A|B|V)$`)
	// nameless are names under which a driver sells a card that it does not know.
	nameless = re(`^(GRAPHICS DEVICE|PG\d+-\d+)?$`)
)

const fullA100 = 72 << 30 // bytes that no 40 GB A100 has

// normal is a product name as the patterns see it.
func normal(name string) string {
	n := strings.ToUpper(strings.TrimSpace(blanks.ReplaceAllString(name, " ")))
	n, _, _ = strings.Cut(n, " MIG ")
	n = strings.TrimPrefix(n, "NVIDIA ")
	return strings.TrimPrefix(n, "TESLA ")
}

// IsVirtual reports whether a product name is a vGPU's.
func IsVirtual(name string) bool { return vGPUName.MatchString(normal(name)) }

// TypeOf is the SDK's name for an NVIDIA product, and what told it; "" where
// the SDK has none. memory may be nil.
func TypeOf(name string, pciID uint32, memory *int64) (typ, rule string) {
	if IsVirtual(name) {
		return "", "a vGPU has no type"
	}
	n := normal(name)
	i := slices.IndexFunc(products, func(p product) bool { return p.pattern.MatchString(n) })
	rule = "name"
	if i < 0 && nameless.MatchString(n) && pciID&0xffff == 0x10de {
		i = slices.IndexFunc(products, func(p product) bool { return slices.Contains(p.ids, uint16(pciID>>16)) })
		rule = "PCI id"
	}
	if i < 0 {
		return "", ""
	}
	typ = products[i].name
	switch {
	case memory == nil:
	case typ == "A100" && *memory > fullA100:
		return "A100_80G", rule + " and memory"
	case typ == "A100_80G" && *memory < fullA100:
		return "A100", "memory, against the name"
	}
	return typ, rule
}

func productOf(typ string) (product, bool) {
	i := slices.IndexFunc(products, func(p product) bool { return p.name == typ })
	if i < 0 {
		return product{}, false
	}
	return products[i], true
}

// compatible are the pairs that count as equals beyond the general rule.
var compatible = map[string][]string{
	"A10":  {"A10G"},
	"A10G": {"A10"},
	"A100": {"A100_80G"},
	"H100": {"H200"},
	"L4":   {"L40s"},
	"T4":   {"A2", "A10", "A10G", "A100", "A100_80G", "B200", "H100", "H200", "L4", "L40s", "RTX_PRO_4500", "RTX_PRO_6000"},
}

// Substitutes are the types that may stand for one where a profile says
// accelerator_substitution: compatible: never an older generation, never less memory.
func Substitutes(typ string) []string {
	want, ok := productOf(typ)
	if !ok {
		return nil
	}
	var may []string
	for _, name := range compatible[typ] {
		if p, _ := productOf(name); p.arch >= want.arch && p.memory >= want.memory {
			may = append(may, name)
		}
	}
	return may
}
