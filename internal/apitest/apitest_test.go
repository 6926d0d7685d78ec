package apitest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"testing"

	"github.com/secretsync/secretsync/internal/apitest"
)

// value is an internal package: it has an opaque type, one with fields, and one that
// another type names.
const value = `package value
type Value struct{ reveal func() []byte }
func New([]byte) Value
type Position struct{ Line int }
type Error struct{ Pos Position }
func (*Error) Error() string
type Spec struct{}
func (Spec) Value() Value
`

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		want         []string
	}{
		{"aliases and a constructor", `
			type Value = value.Value
			func NewValue(b []byte) Value
			type Position = value.Position
			type Error = value.Error
			type Config struct { Value func(string) (Value, error); Know interface{ Know(Value) }; value value.Value }
			func Open(Config) (*Error, map[string][]Value)`, nil},
		{"unexported declarations", `
			type config struct{ Value value.Value }
			func open(value.Value)`, nil},
		{"no alias", `
			type Config struct { Value value.Value }`,
			[]string{"p.Config.Value: internal/value.Value has no alias in a public package"}},
		{"no alias, in a parameter, a result, a variable, a map and a method", `
			func F(...value.Position) chan value.Position
			var V map[string]*value.Position
			type T struct{}
			func (T) M(func([]value.Position))`, []string{
			"p.F: internal/value.Position has no alias in a public package",
			"p.T.M: internal/value.Position has no alias in a public package",
			"p.V: internal/value.Position has no alias in a public package",
		}},
		{"an alias that is not used", `
			type Position = value.Position
			func F() value.Position`,
			[]string{"p.F: internal/value.Position is used by its internal name: use an alias, such as p.Position"}},
		{"an alias of a type that names another", `
			type Error = value.Error`,
			[]string{"p.Error.Pos: internal/value.Position has no alias in a public package"}},
		{"an interface, embedded, and a type argument", `
			type List[T any] struct{ Items []T }
			type I interface{ J }
			type J interface{ M() List[value.Position] }`,
			[]string{"p.I.M: internal/value.Position has no alias in a public package", "p.J.M: internal/value.Position has no alias in a public package"}},
		{"embedded in a struct", `
			type T struct{ *value.Error }`, []string{
			"p.T.Error: internal/value.Error has no alias in a public package",
		}},
		{"no constructor but a method", `
			type Value = value.Value
			type Spec = value.Spec
			type Config struct{ Value Value }
			func Open(Config)`,
			[]string{"p.Open: no exported function returns internal/value.Value"}},
		{"no constructor, to be returned by what the caller implements", `
			type Value = value.Value
			type API interface{ Get() (*Value, error) }
			func Open(API)`,
			[]string{"p.Open: no exported function returns internal/value.Value"}},
		{"a type of the package, from a method", `
			type Run struct{ id int }
			type Proposal struct{ id int }
			func Lock() *Run
			func (*Run) Plan() (*Proposal, error)
			func (*Run) Apply(*Proposal)`, nil},
		{"a type of the package, from nowhere", `
			type Proposal struct{ id int }
			func Apply(*Proposal)`,
			[]string{"p.Apply: no exported function returns p.Proposal"}},
		{"an interface to be implemented", `
			type Event interface{ event() }
			type Sealed interface{ seal() }
			func Notify(func(Event))
			func Open(func() Sealed)`,
			[]string{"p.Open: p.Sealed cannot be implemented: it has unexported methods"}},
		{"an unexported type", `
			type options struct{ N int }
			func Open() options`,
			[]string{"p.Open: the type options is not exported"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inside := compile(t, "m/internal/value", value, nil)
			p := compile(t, "m/p", "package p\nimport \"m/internal/value\"\nvar _ value.Value\n"+tt.source, inside)
			if got := apitest.Check("m", []*types.Package{p}); !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

type imports map[string]*types.Package

func (i imports) Import(path string) (*types.Package, error) {
	if p := i[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

func compile(t *testing.T, path, source string, imported *types.Package) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path+".go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := imports{}
	if imported != nil {
		known[imported.Path()] = imported
	}
	conf := types.Config{Importer: known, IgnoreFuncBodies: true}
	p, err := conf.Check(path, fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
