// Runs once when the page is ready: connects the widgets of the report. The names that are not defined here are the
// arguments of the callback in page.py.
const MISSING = 65535
const LEVELS = 65534
const column = (name) => source.data[name]
const count = column("id").length
const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
const number = (value) => Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–"
const label = (index) => `${column("status")[index] === "discarded" ? "discarded " : ""}${column("id")[index]}`
const color_of = (order) => colors[order % colors.length]
let visible = []

function contours_in(plane) {
  const xs = Array.from({length: count}, () => [])
  const ys = Array.from({length: count}, () => [])
  let start = 0
  for (let line = 0; line < line_ends.length; line++) {
    const end = line_ends[line]
    if (line_planes[line] === plane) {
      const [x, y] = [xs[line_components[line]], ys[line_components[line]]]
      if (x.length > 0) {
        x.push(NaN)
        y.push(NaN)
      }
      for (let point = start; point < end; point++) {
        x.push(contour_x[point] / contour_scale)
        y.push(contour_y[point] / contour_scale)
      }
    }
    start = end
  }
  return {xs, ys}
}

function decoded(trace, index) {
  const [codes, low, span] = [trace_codes[trace], trace_low[trace][index], trace_high[trace][index] - trace_low[trace][index]]
  const values = new Float64Array(times.length)
  for (let sample = 0; sample < times.length; sample++) {
    const code = codes[index * times.length + sample]
    values[sample] = code === MISSING ? NaN : low + code / LEVELS * span
  }
  return values
}

function show_plane() {
  const plane = plane_slider === null ? 0 : plane_slider.value
  const planes = images[image_names.indexOf(image_select.value)]
  image_source.data = {...image_source.data, image: [planes[Math.min(plane, planes.length - 1)]]}
  Object.assign(source.data, contours_in(plane))
  source.change.emit()
  show_highlights()
}

function shown() {
  return source.selected.indices.slice(0, colors.length)
}

function show_highlights() {
  const picked = shown()
  highlights.data = {
    xs: picked.map((index) => column("xs")[index]),
    ys: picked.map((index) => column("ys")[index]),
    color: picked.map((_, order) => color_of(order)),
  }
}

function show_traces() {
  const picked = shown()
  panel_sources.forEach((panel, at) => {
    const data = {xs: [], ys: [], color: [], alpha: [], width: []}
    let [low, high] = [Infinity, -Infinity]
    for (const trace of panel_traces[at]) {
      picked.forEach((index, order) => {
        const values = decoded(trace, index)
        const is_raw = trace_names[trace] === "raw"
        data.xs.push(times)
        data.ys.push(values)
        data.color.push(is_raw && picked.length === 1 ? raw_color : color_of(order))
        data.alpha.push(is_raw && picked.length > 1 ? 0.35 : 1)
        data.width.push(is_raw ? 0.8 : 1.4)
        low = Math.min(low, trace_low[trace][index])
        high = Math.max(high, trace_high[trace][index])
      })
    }
    panel.data = data
    const margin = 0.05 * (high - low) || 0.5
    const [start, end] = low <= high ? [low - margin, high + margin] : [0, 1]
    panel_ranges[at].setv({start, end, reset_start: start, reset_end: end})
  })
}

function show_footprint() {
  const [index] = shown()
  if (index === undefined) {
    footprint_source.data = {image: [], x: [], y: [], dw: [], dh: []}
    return
  }
  const [left, top, width, height] = [0, 1, 2, 3].map((part) => crop_boxes[4 * index + part])
  footprint_source.data = {image: [crops[index]], x: [left - 0.5], y: [top - 0.5], dw: [width], dh: [height]}
  const half = Math.max(width, height) / 2 + 1
  const [x, y] = [left - 0.5 + width / 2, top - 0.5 + height / 2]
  footprint_x.setv({start: x - half, end: x + half, reset_start: x - half, reset_end: x + half})
  footprint_y.setv({start: y + half, end: y - half, reset_start: y + half, reset_end: y - half})
}

function show_details() {
  const picked = shown()
  const rest = source.selected.indices.length - picked.length
  const lines = picked.map((index, order) => {
    const manual = column("manual")[index]
    const facts = [column("status")[index] + (manual ? `, manually ${manual}` : "")]
    for (const [at, name] of detail_columns.entries()) {
      const value = column(name)[index]
      if (Number.isFinite(value)) {
        facts.push(`${detail_labels[at]} ${number(value)}`)
      }
    }
    return `<li style="margin-bottom: 4px"><b style="color: ${color_of(order)}">Component ${escaped(label(index))}</b> ${escaped(facts.join(", "))}</li>`
  })
  if (rest > 0) {
    lines.push(`<li>and ${rest} more, not drawn</li>`)
  }
  details.text = lines.length ? `<ul style="margin: 0; padding: 0; list-style: none; font-size: 13px">${lines.join("")}</ul>` : "No component is selected."
  score_marks.forEach((marks, at) => {
    const values = picked.map((index) => column(score_columns[at])[index])
    marks.data = {x: values, y: values.map(() => 0), color: values.map((_, order) => color_of(order))}
  })
}

function show_selection() {
  const [index] = shown()
  if (plane_slider !== null && index !== undefined && column("xs")[index].length === 0) {
    plane_slider.value = Math.max(0, Math.round(column("plane")[index]))
  }
  show_highlights()
  show_traces()
  show_footprint()
  show_details()
}

function passes(index) {
  const status = status_values[status_buttons.active]
  const [own, manual] = [column("status")[index], column("manual")[index]]
  if (status === "manual" ? !manual : status !== "all" && status !== own) {
    return false
  }
  return score_sliders.every((slider, at) => {
    const value = column(score_columns[at])[index]
    const [low, high] = slider.value
    return (low <= slider.start && high >= slider.end) || (low <= value && value <= high)
  })
}

function apply_filters() {
  const booleans = Array.from({length: count}, (_, index) => passes(index))
  visible = [...booleans.keys()].filter((index) => booleans[index])
  filter.booleans = booleans
  counts.text = `<p><b>${visible.length.toLocaleString("en")}</b> of ${count.toLocaleString("en")} components shown</p>`
  const kept = source.selected.indices.filter((index) => booleans[index])
  if (kept.length < source.selected.indices.length) {
    source.selected.indices = kept
  }
}

function search() {
  const wanted = search_input.value.split(/[\s,;]+/).filter((text) => text !== "").map(Number)
  const found = [...column("id").keys()].filter((index) => wanted.includes(column("id")[index]))
  search_input.title = wanted.length && !found.length ? "Select components (none found)" : "Select components"
  if (found.length) {
    if (!found.every((index) => filter.booleans[index])) {
      status_buttons.active = 0
      score_sliders.forEach((slider) => { slider.value = [slider.start, slider.end] })
    }
    source.selected.indices = found
  }
}

function step(direction) {
  if (visible.length === 0) {
    return
  }
  const [current] = source.selected.indices
  const at = current === undefined ? -1 : visible.indexOf(current)
  const next = at < 0 ? (direction > 0 ? 0 : visible.length - 1) : (at + direction + visible.length) % visible.length
  source.selected.indices = [visible[next]]
}

function press(event) {
  const target = event.composedPath()[0]
  const is_typing = ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName) || target.getAttribute?.("role") === "slider"
  if (event.ctrlKey || event.altKey || event.metaKey || is_typing) {
    return
  }
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    step(event.key === "ArrowRight" ? 1 : -1)
  } else if (event.key === "a") {
    const accepted = status_values.indexOf("accepted")
    status_buttons.active = status_buttons.active === accepted || accepted < 0 ? 0 : accepted
  } else {
    return
  }
  event.preventDefault()
  event.stopPropagation()
}

const on = (model, property, react) => model.properties[property].change.connect(react)
on(source.selected, "indices", show_selection)
on(image_select, "value", show_plane)
on(status_buttons, "active", apply_filters)
on(search_input, "value", search)
score_sliders.forEach((slider) => on(slider, "value", apply_filters))
if (plane_slider !== null) {
  on(plane_slider, "value", show_plane)
}
document.addEventListener("keydown", press, true)
apply_filters()
show_plane()
source.selected.indices = visible.slice(0, 1)
document.body.dataset.ready = "true"
