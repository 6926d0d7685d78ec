package docs

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestJSONExamples checks that the JSON in the documents is JSON, and that the plan file
// among it is valid by its schema.
func TestJSONExamples(t *testing.T) {
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("../planner/planfile/plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	examples, plans := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)\n```json\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
			examples++
			values, err := decode(block[1])
			if err != nil {
				t.Errorf("%s: %v in\n%s", file, err, block[1])
				continue
			}
			if !strings.Contains(block[1], `"precondition"`) {
				continue
			}
			plans++
			if err := schema.Validate(values[0]); err != nil {
				t.Errorf("%s: the plan file: %v", file, err)
			}
		}
	}
	if examples < 4 || plans != 1 {
		t.Errorf("%d examples of JSON and %d plan files found", examples, plans)
	}
}

// decode reads one or more JSON values, with a whole digest for each that is abbreviated.
func decode(text string) ([]any, error) {
	digest := strings.Repeat("0", 64)
	text = regexp.MustCompile(`sha256:…`).ReplaceAllString(text, "sha256:"+digest)
	text = regexp.MustCompile(`"plan_id": "[0-9a-f]*…"`).ReplaceAllString(text, `"plan_id": "`+digest+`"`)
	var values []any
	for decoder := json.NewDecoder(strings.NewReader(text)); ; {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return values, err
		}
		values = append(values, value)
	}
}
