package envfile

import (
	"encoding/json"
	"maps"
	"os"
	"testing"
)

// TestDotenvIsThatOfNPM compares with what dotenv 16.3.1, the version in wrangler, returned for
// the same texts. e2e does the same with the package itself.
func TestDotenvIsThatOfNPM(t *testing.T) {
	data, err := os.ReadFile("testdata/dotenv.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		In  string            `json:"in"`
		Out map[string]string `json:"out"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		got := map[string]string{}
		all, _ := dotenv(c.In)
		for _, a := range all {
			got[a.name] = a.value
		}
		if !maps.Equal(got, c.Out) {
			t.Errorf("%q:\n got %q\nwant %q", c.In, got, c.Out)
		}
	}
	if len(cases) < 300 {
		t.Errorf("only %d cases", len(cases))
	}
}
