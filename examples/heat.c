/*
 * How a plate with one hot edge warms up, saved every so many steps; it says meanwhile what it is doing.
 *
 *     cc -O2 -o heat heat.c $(pkg-config --cflags --libs tacho) -lm
 *     tacho record -o heat.tacho -- ./heat 400 300 plate.dat
 *     tacho report heat.tacho
 *
 * Without `tacho record` it runs as if the marks were not there.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tacho/tacho.h>

#define SAVES 5

struct plate {
    size_t side;
    double *now, *next;
};

static int make(struct plate *p, size_t side)
{
    TACHO_FUNCTION("Setup");
    p->side = side;
    p->now = calloc(side * side, sizeof *p->now);
    p->next = calloc(side * side, sizeof *p->next);
    if (p->now == NULL || p->next == NULL)
        return -1;
    for (size_t x = 0; x < side; x++)
        p->now[x] = p->next[x] = 100;
    return 0;
}

/* One step; the largest change of any cell. */
static double diffuse(struct plate *p)
{
    TACHO_FUNCTION("Core computation");
    double largest = 0;
    for (size_t y = 1; y + 1 < p->side; y++)
        for (size_t x = 1; x + 1 < p->side; x++) {
            size_t at = y * p->side + x;
            p->next[at] = 0.25 * (p->now[at - 1] + p->now[at + 1] + p->now[at - p->side] +
                                  p->now[at + p->side]);
            largest = fmax(largest, fabs(p->next[at] - p->now[at]));
        }
    double *was = p->now;
    p->now = p->next;
    p->next = was;
    return largest;
}

static int save(const struct plate *p, const char *path)
{
    TACHO_SCOPE("save", "I/O");
    size_t cells = p->side * p->side;
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return -1;
    size_t written = fwrite(p->now, sizeof *p->now, cells, file);
    TACHO_LABEL("saved %zu cells to %s", written, path);
    return fclose(file) == 0 && written == cells ? 0 : -1;
}

static int run(struct plate *p, int steps, const char *path)
{
    TACHO_FUNCTION();
    int a_save = steps < SAVES ? 1 : steps / SAVES;
    for (int i = 1; i <= steps; i++) {
        double change = diffuse(p);
        TACHO_COUNTER("change", change);
        if (i % a_save == 0 && save(p, path) != 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int side = argc > 1 ? atoi(argv[1]) : 400, steps = argc > 2 ? atoi(argv[2]) : 300;
    const char *path = argc > 3 ? argv[3] : "plate.dat";
    struct plate plate = {0, NULL, NULL};
    if (argc > 4 || side < 3 || side > 10000 || steps < 1) {
        fputs("usage: heat [SIDE [STEPS [FILE]]]\n", stderr);
        return 2;
    }
    int status = make(&plate, (size_t)side) == 0 && run(&plate, steps, path) == 0 ? 0 : 1;
    if (status != 0)
        perror("heat");
    free(plate.now);
    free(plate.next);
    return status;
}
