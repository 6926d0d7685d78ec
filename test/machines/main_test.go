package machines

import (
	"testing"

	"github.com/secretsync/secretsync/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }
