// Means, minima and maxima of a line over ever longer buckets, each of two of the level below. They
// compose, so a peak is on every level, and a picture costs what its pixels cost.

function coarser(level) {
  const count = Math.ceil(level.mean.length / 2);
  const next = {
    mean: new Float64Array(count), min: new Float64Array(count), max: new Float64Array(count),
    known: new Float64Array(count), // base buckets behind each mean
  };
  for (let i = 0; i < count; i++) {
    const a = 2 * i;
    const b = a + 1 < level.mean.length ? a + 1 : a;
    const knownA = level.known[a];
    const knownB = b > a ? level.known[b] : 0;
    const known = knownA + knownB;
    next.known[i] = known;
    if (knownA && knownB) {
      next.mean[i] = (level.mean[a] * knownA + level.mean[b] * knownB) / known;
      next.min[i] = Math.min(level.min[a], level.min[b]);
      next.max[i] = Math.max(level.max[a], level.max[b]);
    } else {
      const only = knownA || !knownB ? a : b;
      next.mean[i] = level.mean[only];
      next.min[i] = level.min[only];
      next.max[i] = level.max[only];
    }
  }
  return next;
}

// Level 0 are the columns as they are; min and max may be missing where they are the mean.
function build(mean, min, max) {
  const known = new Float64Array(mean.length);
  for (let i = 0; i < known.length; i++)
    known[i] = mean[i] === mean[i] ? 1 : 0;
  const levels = [{ mean, min: min || mean, max: max || mean, known }];
  while (levels[levels.length - 1].mean.length > 1)
    levels.push(coarser(levels[levels.length - 1]));
  return levels;
}

// The level on which [first, last) base buckets are at most `most`.
function levelFor(levels, first, last, most) {
  let level = 0;
  while (level + 1 < levels.length && (last - first) / 2 ** level > most)
    level++;
  return level;
}

// Calls visit(level, index) for the fewest buckets that are exactly base buckets [first, last).
function cover(levels, first, last, visit) {
  let level = 0;
  while (first < last) {
    const alone = level + 1 >= levels.length;
    if (first & 1 || alone)
      visit(levels[level], first++);
    if (last & 1 || (alone && first < last))
      visit(levels[level], --last);
    if (alone)
      continue;
    first >>= 1;
    last >>= 1;
    level++;
  }
}

// Of base buckets [first, last): mean, least, greatest, and the base bucket that holds the greatest; NaN and -1 where none is known.
function extent(levels, first, last) {
  const found = { mean: NaN, min: NaN, max: NaN, at: -1 };
  let sum = 0;
  let known = 0;
  let where = null;
  cover(levels, first, last, (level, i) => {
    if (!level.known[i])
      return;
    sum += level.mean[i] * level.known[i];
    known += level.known[i];
    if (!(found.min <= level.min[i]))
      found.min = level.min[i];
    const earlier = where && found.max === level.max[i] && i * 2 ** levels.indexOf(level) < where.start;
    if (!(found.max >= level.max[i]) || earlier) {
      found.max = level.max[i];
      where = { level: levels.indexOf(level), i, start: i * 2 ** levels.indexOf(level) };
    }
  });
  if (!known)
    return found;
  found.mean = sum / known;
  let { level, i } = where;
  for (; level > 0; level--)
    i = levels[level - 1].max[2 * i] === found.max ? 2 * i : 2 * i + 1;
  found.at = i;
  return found;
}

tacho.levels = { build, levelFor, extent };
