// SPDX-License-Identifier: Apache-2.0

package gpu

import "testing"

func TestParseProfile(t *testing.T) {
	for text, want := range map[string]Profile{
		"1g.10gb":        {C: 1, G: 1, GB: 10},
		"1g.10gb+me":     {C: 1, G: 1, GB: 10, Suffix: "+me"},
		"1c.3g.40gb":     {C: 1, G: 3, GB: 40},
		"1g.24gb+me.all": {C: 1, G: 1, GB: 24, Suffix: "+me.all"},
		"1g.24gb-me":     {C: 1, G: 1, GB: 24, Suffix: "-me"},
		"2g.48gb+gfx":    {C: 2, G: 2, GB: 48, Suffix: "+gfx"},
	} {
		got, ok := ParseProfile(text)
		if !ok || got != want {
			t.Errorf("%s reads as %+v, %v", text, got, ok)
		}
		if got.String() != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
	for _, text := range []string{"", "1g", "g.10gb", "0g.10gb", "1g.10gb ", "1G.10GB", "mig-1g.10gb", "1g.10gb+", "999999999999999999999g.1gb"} {
		if p, ok := ParseProfile(text); ok {
			t.Errorf("%q reads as %+v", text, p)
		}
	}
}

func TestProfileFromName(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA H100 80GB HBM3 MIG 1g.10gb":    "1g.10gb",
		"NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb": "1c.3g.20gb",
		"NVIDIA A100-SXM4-40GB MIG 1g.5gb+me":  "1g.5gb+me",
		"mig_3g.40gb":                          "3g.40gb",
		"1g.10gb":                              "1g.10gb",
	} {
		if got, ok := ProfileFromName(name); !ok || got.String() != want {
			t.Errorf("%q has %v, %v; want %s", name, got, ok, want)
		}
	}
	if got, ok := ProfileFromName("NVIDIA H100 80GB HBM3"); ok {
		t.Errorf("a whole GPU has the profile %v", got)
	}
}

// Sizes as drivers tell them, and the names that go with them.
func TestProfileFromSizes(t *testing.T) {
	for _, c := range []struct {
		card       string
		c, g       int
		mib, total uint64
		want       string
	}{
		{"H100", 1, 1, 9984, 81559, "1g.10gb"},
		{"H100", 1, 1, 20096, 81559, "1g.20gb"},
		{"H100", 1, 3, 40448, 81559, "1c.3g.40gb"},
		{"H100", 7, 7, 81152, 81559, "7g.80gb"},
		{"H200", 1, 1, 16384, 143771, "1g.18gb"},
		{"H200", 1, 1, 33024, 143771, "1g.35gb"},
		{"H200", 3, 3, 71168, 143771, "3g.71gb"},
		{"B200", 1, 1, 20992, 183359, "1g.23gb"},
		{"B200", 2, 2, 45312, 183359, "2g.45gb"},
		{"B200", 4, 4, 91136, 183359, "4g.90gb"},
		{"A100", 1, 1, 4864, 40960, "1g.5gb"},
	} {
		if got, ok := ProfileFromSizes(c.c, c.g, c.mib, c.total); !ok || got.String() != c.want {
			t.Errorf("%s: %d MiB of %d is %v, %v; want %s", c.card, c.mib, c.total, got, ok, c.want)
		}
	}
	for _, c := range [][4]uint64{{0, 1, 10, 80}, {1, 1, 0, 80}, {1, 1, 10, 0}, {1, 1, 90, 80}} {
		if p, ok := ProfileFromSizes(int(c[0]), int(c[1]), c[2], c[3]); ok {
			t.Errorf("%v makes %v", c, p)
		}
	}
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ typ, got, want string }{
		{"H100", "3g.39gb", "3g.40gb"}, // mig-parted #31
		{"H100", "7g.79gb", "7g.80gb"}, // gpu-operator #351
		{"H100", "1g.12gb", "1g.12gb"}, // H100 NVL
		{"H100", "1g.11gb+me", "1g.11gb+me"},
		{"H100", "1c.3g.40gb", "1c.3g.40gb"},
		{"A100", "1g.10gb", "1g.10gb"}, // exists, and the SDK has no name for it
		{"", "3g.39gb", "3g.39gb"},
	} {
		p, _ := ParseProfile(c.got)
		if got := Canonical(c.typ, p); got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.got, c.typ, got, c.want)
		}
	}
}
