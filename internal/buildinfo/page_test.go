package buildinfo

import "testing"

func TestRef(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3": "v1.2.3", "v1.2.3-rc.1": "v1.2.3-rc.1",
		"(devel)": "main", "": "main", "v1.2.3+dirty": "main",
		"v0.0.0-20261127231943-36e88be00000": "main", "v1.2.4-0.20261127231943-36e88be00000": "main",
	} {
		if got := ref(version); got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
