package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// barChart is bars on any scale. The library's own begin at zero, which a logarithmic axis lacks.
type barChart struct {
	bars  []bar
	color color.Color
}

// bar is a rectangle, in the units of the axes.
type bar struct{ left, right, low, high float64 }

// Plot draws the bars. It implements [plot.Plotter].
func (b *barChart) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, r := range b.bars {
		c.FillPolygon(b.color, c.ClipPolygonXY([]vg.Point{
			{X: x(r.left), Y: y(r.low)}, {X: x(r.left), Y: y(r.high)}, {X: x(r.right), Y: y(r.high)}, {X: x(r.right), Y: y(r.low)},
		}))
	}
}

// DataRange implements [plot.DataRanger].
func (b *barChart) DataRange() (xmin, xmax, ymin, ymax float64) {
	for i, r := range b.bars {
		if i == 0 {
			xmin, xmax, ymin, ymax = r.left, r.right, r.low, r.high
		}
		xmin, xmax, ymin, ymax = min(xmin, r.left), max(xmax, r.right), min(ymin, r.low), max(ymax, r.high)
	}
	return xmin, xmax, ymin, ymax
}

// Thumbnail draws the bar of the legend. It implements [plot.Thumbnailer].
func (b *barChart) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(b.color, []vg.Point{{X: c.Min.X, Y: c.Min.Y}, {X: c.Min.X, Y: c.Max.Y}, {X: c.Max.X, Y: c.Max.Y}, {X: c.Max.X, Y: c.Min.Y}})
}
