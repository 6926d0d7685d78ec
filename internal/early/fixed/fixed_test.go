package fixed

import (
	"bytes"
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/cli"
)

var update = flag.Bool("update", false, "write the texts that are out of date")

// TestAnswersAreTheCommands compares every answer with what the command itself prints.
func TestAnswersAreTheCommands(t *testing.T) {
	files := map[string]string{
		"--help": "help.txt", "completion bash": "completion.bash", "completion zsh": "completion.zsh",
		"completion fish": "completion.fish", "completion powershell": "completion.ps1",
	}
	for _, line := range []string{
		"--help", "-h", "help",
		"completion bash", "completion zsh", "completion fish", "completion powershell",
	} {
		args := strings.Split(line, " ")
		got := answer(args)
		var out, stderr bytes.Buffer
		a := &cli.App{In: strings.NewReader(""), Out: &out, Err: &stderr, LookupEnv: func(string) (string, bool) { return "", false }}
		if code := a.Run(context.Background(), args); code != 0 || stderr.Len() > 0 {
			t.Fatalf("%s: exit code %d, %s", line, code, &stderr)
		}
		if got == out.String() {
			continue
		}
		t.Errorf("%s: the text is not what the command prints; go test ./internal/early/fixed -update writes it", line)
		if name := files[line]; *update && name != "" {
			if err := os.WriteFile("texts/"+name, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOtherCommandsHaveNoAnswer: whatever is not exactly one of the answers is left to package
// cli, which knows all arguments.
func TestOtherCommandsHaveNoAnswer(t *testing.T) {
	for _, line := range []string{"", "plan", "plan --help", "help plan", "completion", "completion bash --no-descriptions", "Help", "--help --help"} {
		if text := answer(strings.Fields(line)); text != "" {
			t.Errorf("%q: %q", line, text)
		}
	}
}
