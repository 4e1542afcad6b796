/*
 * Writes a text of random words, and counts them with several threads, each file part in a scope of its
 * own name.
 *
 *     c++ -O2 -pthread -o words words.cpp $(pkg-config --cflags --libs tacho)
 *     tacho record -o words.tacho -- ./words 4 words.txt
 *     tacho report words.tacho
 */
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <tacho/tacho.hpp>
#include <thread>
#include <vector>

using counts = std::map<std::string, long>;

static void write_text(const std::string &path, long words)
{
    tacho::scope scope{"write " + path, "I/O"};
    std::ofstream file(path);
    std::minstd_rand random;
    for (long i = 0; i < words; i++)
        file << static_cast<char>('a' + random() % 26) << random() % 40 << (i % 12 ? ' ' : '\n');
    if (!file.flush())
        throw std::runtime_error("cannot write " + path);
}

static std::string read_text(const std::string &path)
{
    tacho::scope scope{"read " + path, "I/O"};
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

/* Of the words that begin in [from, to). */
static counts count_part(const std::string &text, size_t from, size_t to)
{
    TACHO_FUNCTION("Core computation");
    counts found;
    size_t at = from;
    if (from > 0)
        at = text.find_first_of(" \n", from - 1);
    while (at < to) {
        size_t begin = text.find_first_not_of(" \n", at);
        if (begin >= to)
            break;
        at = text.find_first_of(" \n", begin);
        found[text.substr(begin, at - begin)]++;
    }
    return found;
}

static counts count_all(const std::string &text, size_t threads)
{
    tacho::scope scope{"count", "Core computation"};
    std::vector<counts> part(threads);
    std::vector<std::thread> thread;
    for (size_t i = 0; i < threads; i++)
        thread.emplace_back([&, i] {
            tacho::thread_name("counter " + std::to_string(i + 1));
            tacho::scope its_part{"part " + std::to_string(i + 1), "Core computation"};
            part[i] = count_part(text, text.size() * i / threads, text.size() * (i + 1) / threads);
        });
    for (auto &one : thread)
        one.join();
    tacho::scope merging{"merge", "Communication"};
    for (size_t i = 1; i < threads; i++)
        for (const auto &word : part[i])
            part[0][word.first] += word.second;
    return part[0];
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? std::atoi(argv[1]) : 2;
    const std::string path = argc > 2 ? argv[2] : "words.txt";
    if (argc > 3 || threads < 1 || threads > 64) {
        std::cerr << "usage: words [THREADS [FILE]]\n";
        return 2;
    }
    try {
        const long words = 500000;
        write_text(path, words);
        const counts found = count_all(read_text(path), static_cast<size_t>(threads));
        long sum = 0;
        for (const auto &word : found)
            sum += word.second;
        tacho::label("counted " + std::to_string(sum) + " words");
        tacho::counter("different words", static_cast<double>(found.size()));
        std::cout << sum << " words, " << found.size() << " of them different\n";
        return sum == words ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << "words: " << error.what() << '\n';
        return 1;
    }
}
