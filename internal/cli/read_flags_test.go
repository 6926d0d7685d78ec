package cli

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sourcetest"
)

// TestFlagsAreRead finds flags that a command accepts and does not read. A flag sets a field of a
// struct. Some function that the command reaches has to read that field. Where such a function only
// copies it to a field of [reconcile.Config], the command has to reach a function that reads that
// one, too. A function that only checks flags does not count.
//
// A call of an interface's method is taken to reach every method that could be meant. So the test
// does not find everything: an engine's function that two commands share may read a field for one of
// them alone.
func TestFlagsAreRead(t *testing.T) {
	c := readCode(t)
	commands, flags := 0, 0
	for f, body := range c.functions {
		if !body.command {
			continue
		}
		commands++
		reached := c.reach(f)
		for _, flag := range c.registered(reached) {
			flags++
			if !c.reads(reached, flag) {
				t.Errorf("%s registers a flag that the command does not read: the field %s, at %s", f.Name(), flag.Name(), c.Fset.Position(flag.Pos()))
			}
		}
	}
	if commands < 25 || flags < 300 {
		t.Errorf("only %d commands with %d flags were found", commands, flags)
	}
}

// code is what the program's functions do.
type code struct {
	*sourcetest.Source
	functions map[*types.Func]*function
	methods   map[string][]*types.Func // by name
}

// function is what a function does, with the literals in it.
type function struct {
	command    bool // it describes a command
	calls      []*types.Func
	reads      map[*types.Var]bool // fields
	registered []*types.Var        // fields that flags set
	// copies are the fields that are read to set fields of a configuration: each with those.
	copies map[*types.Var][]*types.Var
}

func readCode(t *testing.T) *code {
	t.Helper()
	c := &code{Source: sourcetest.Load(t), functions: map[*types.Func]*function{}, methods: map[string][]*types.Func{}}
	for _, files := range c.Files {
		for _, file := range files {
			for _, decl := range file.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok && d.Body != nil {
					f := c.Info.Defs[d.Name].(*types.Func)
					c.functions[f] = &function{reads: map[*types.Var]bool{}, copies: map[*types.Var][]*types.Var{}}
					if d.Recv != nil {
						c.methods[d.Name.Name] = append(c.methods[d.Name.Name], f)
					}
				}
			}
		}
	}
	for _, files := range c.Files {
		for _, file := range files {
			for _, decl := range file.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok && d.Body != nil {
					c.function(c.functions[c.Info.Defs[d.Name].(*types.Func)], d.Type, d.Body)
				}
			}
		}
	}
	return c
}

// function adds to out what a function or a literal does.
func (c *code) function(out *function, signature *ast.FuncType, body *ast.BlockStmt) {
	reads, set := []*types.Var{}, []*types.Var{}
	passed := map[ast.Node]bool{}         // expressions that are not read
	copied := map[ast.Node][]*types.Var{} // expressions that only set fields of a configuration
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			c.function(out, n.Type, n.Body)
			return false
		case *ast.CompositeLit:
			out.command = out.command || c.isNamed(c.Info.TypeOf(n), "github.com/spf13/cobra", "Command")
			for _, element := range n.Elts {
				if kv, ok := element.(*ast.KeyValueExpr); ok && c.isConfig(n) {
					key, _ := kv.Key.(*ast.Ident)
					field, _ := c.Info.Uses[key].(*types.Var)
					note(copied, kv.Value, field)
				}
			}
		case *ast.CallExpr:
			out.registered = append(out.registered, c.registers(n, passed)...)
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if field := c.field(left); field != nil && n.Tok == token.ASSIGN {
					passed[left], set = true, append(set, field)
					if c.isConfig(left.(*ast.SelectorExpr).X) && len(n.Lhs) == len(n.Rhs) {
						note(copied, n.Rhs[i], field)
					}
				}
			}
		case *ast.SelectorExpr:
			field := c.field(n)
			switch to := copied[n]; {
			case field == nil || passed[n]:
			case to != nil:
				out.copies[field] = append(out.copies[field], to...)
			default:
				reads = append(reads, field)
			}
		case *ast.Ident:
			if f, ok := c.Info.Uses[n].(*types.Func); ok {
				out.calls = append(out.calls, f.Origin())
			}
		}
		return true
	})
	for _, field := range reads {
		switch {
		case c.configures(signature):
			out.copies[field] = append(out.copies[field], set...)
		case !slices.Contains(set, field): // otherwise it gets a default here
			out.reads[field] = true
		}
	}
}

// note notes that what an expression selects is copied to a field.
func note(copied map[ast.Node][]*types.Var, e ast.Expr, to *types.Var) {
	ast.Inspect(e, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			copied[s] = append(copied[s], to)
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
}

// field is the field that an expression selects, or nil.
func (c *code) field(e ast.Expr) *types.Var {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || c.Info.Selections[s] == nil {
		return nil
	}
	field, _ := c.Info.Selections[s].Obj().(*types.Var)
	return field
}

// registers returns the fields whose addresses are passed on together with a set of flags.
func (c *code) registers(call *ast.CallExpr, passed map[ast.Node]bool) (fields []*types.Var) {
	all := call.Args
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		all = append(slices.Clone(all), s.X)
	}
	if !slices.ContainsFunc(all, func(e ast.Expr) bool { return c.isNamed(c.Info.TypeOf(e), "github.com/spf13/pflag", "FlagSet") }) {
		return nil
	}
	for _, arg := range call.Args {
		if address, ok := arg.(*ast.UnaryExpr); ok && address.Op == token.AND {
			if field := c.field(address.X); field != nil {
				passed[address.X], fields = true, append(fields, field)
			}
		}
	}
	return fields
}

// configures reports whether a function gets a configuration of the engine, to modify it.
func (c *code) configures(signature *ast.FuncType) bool {
	return slices.ContainsFunc(signature.Params.List, func(p *ast.Field) bool {
		return c.isConfig(p.Type)
	})
}

// isConfig reports whether an expression is a configuration of the engine, or its type.
func (c *code) isConfig(e ast.Expr) bool {
	return c.isNamed(c.Info.TypeOf(e), sourcetest.Module+"reconcile", "Config")
}

// isNamed reports whether a type is the named one, or a pointer to it.
func (c *code) isNamed(t types.Type, pkg, name string) bool {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := t.(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == pkg
}

// reach returns the functions that a command reaches, without other commands, and without those
// that only check flags.
func (c *code) reach(command *types.Func) map[*types.Func]bool {
	reached := map[*types.Func]bool{command: true}
	for todo := []*types.Func{command}; len(todo) > 0; {
		f := todo[0]
		todo = todo[1:]
		for _, called := range c.functions[f].calls {
			for _, next := range c.meant(called) {
				body := c.functions[next]
				if body != nil && !body.command && !reached[next] && !checksFlags(next) {
					reached[next], todo = true, append(todo, next)
				}
			}
		}
	}
	return reached
}

// checksFlags reports whether a function is the check of a group of flags.
func checksFlags(f *types.Func) bool {
	return f.Name() == "check" && strings.HasSuffix(f.Pkg().Path(), "/internal/cli")
}

// meant returns the functions that a call may reach.
func (c *code) meant(f *types.Func) []*types.Func {
	recv := f.Signature().Recv()
	if recv == nil || !types.IsInterface(recv.Type()) {
		return []*types.Func{f}
	}
	i := recv.Type().Underlying().(*types.Interface)
	return slices.DeleteFunc(slices.Clone(c.methods[f.Name()]), func(m *types.Func) bool {
		t := m.Signature().Recv().Type()
		return !types.Implements(t, i) && !types.Implements(types.NewPointer(t), i)
	})
}

// registered returns the fields that the flags of a command set.
func (c *code) registered(reached map[*types.Func]bool) []*types.Var {
	fields := map[*types.Var]bool{}
	for f := range reached {
		for _, field := range c.functions[f].registered {
			fields[field] = true
		}
	}
	return slices.Collect(maps.Keys(fields))
}

// reads reports whether one of the functions reads a field, or a field of the configuration that it
// is copied to.
func (c *code) reads(reached map[*types.Func]bool, field *types.Var) bool {
	anyReads := func(field *types.Var) bool {
		for f := range reached {
			if c.functions[f].reads[field] {
				return true
			}
		}
		return false
	}
	if anyReads(field) {
		return true
	}
	for f := range reached {
		if slices.ContainsFunc(c.functions[f].copies[field], anyReads) {
			return true
		}
	}
	return false
}
