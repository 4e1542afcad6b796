# fish completion for tacho(1).

function __fish_tacho_needs_command
    test (count (commandline -opc)) -eq 1
end

# Whether the command line is `tacho $argv[1] ...`; of record only while its own command has not begun.
function __fish_tacho_using
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = $argv[1]
end

# Whether the recorded command has begun: its options are its own.
function __fish_tacho_command_begun
    set -l words (commandline -opc)
    set -l skip 0
    for word in $words[3..-1]
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case --
                return 0
            case -o -i -d -p --output --interval --duration --pid --wait --follow --gpu --stream --repeat
                set skip 1
            case '-*'
            case '*'
                return 0
        end
    end
    return 1
end

function __fish_tacho_recording
    __fish_tacho_using record; and not __fish_tacho_command_begun
end

function __fish_tacho_fields
    set -l table samples
    set -l words (commandline -opc)
    for i in (seq (count $words))
        switch $words[$i]
            case '--table=*'
                set table (string replace -- --table= '' $words[$i])
            case --table
                set -q words[(math $i + 1)]; and set table $words[(math $i + 1)]
        end
    end
    printf '%s\n' all default
    $words[1] export --list-fields --table $table 2>/dev/null |
        string replace -rf '^[* ] ([a-z0-9_]+) +(.*)' '$1\t$2'
end

complete -c tacho -f

function __fish_tacho_formats
    printf '%s\n' svg png pdf
end

function __fish_tacho_metrics
    printf '%s\n' cpu memory kinds virtual storage calls requests tcp threads processors descriptors \
        faults switches machine-cpu machine-memory load network disks paging pressure
end

function __fish_tacho_compared
    printf '%s\n' wall cpu user system peak_rss peak_pss read_bytes write_bytes processes scopes categories
end

complete -c tacho -n __fish_tacho_needs_command -l help -d 'Summary of the commands'
complete -c tacho -n __fish_tacho_needs_command -l version -d Version
complete -c tacho -n __fish_tacho_needs_command -a record -d 'Record what a program and its descendants use'
complete -c tacho -n __fish_tacho_needs_command -a report -d 'Summary of a recording'
complete -c tacho -n __fish_tacho_needs_command -a diff -d 'What changed between two sets of runs'
complete -c tacho -n __fish_tacho_needs_command -a top -d 'A recording, or what goes on now, moment by moment'
complete -c tacho -n __fish_tacho_needs_command -a export -d 'A recording for other programs'
complete -c tacho -n __fish_tacho_needs_command -a import -d 'Recording of what other tools logged'
complete -c tacho -n __fish_tacho_needs_command -a info -d 'What a recording holds'
complete -c tacho -n __fish_tacho_needs_command -a label -d 'Label into the recording around a script'
complete -c tacho -n __fish_tacho_needs_command -a scope -d 'Command as a scope of the recording around a script'
complete -c tacho -n __fish_tacho_needs_command -a doctor -d 'What this machine allows'

complete -c tacho -n __fish_tacho_recording -s o -l output -rF -d 'File to write'
complete -c tacho -n __fish_tacho_recording -s i -l interval -x -d 'Seconds between samples'
complete -c tacho -n __fish_tacho_recording -s d -l duration -x -d 'Stop recording after'
complete -c tacho -n __fish_tacho_recording -s p -l pid -x -a '(__fish_complete_list , __fish_complete_pids)' -d 'Record running processes'
complete -c tacho -n __fish_tacho_recording -s a -l all -d 'Record the machine alone'
complete -c tacho -n __fish_tacho_recording -l wait -x -a 'root\t"with the command itself" tree\t"with its last descendant"' -d 'When a command counts as finished'
complete -c tacho -n __fish_tacho_recording -l gpu -x -a 'auto none' -d 'Which GPUs are recorded'
complete -c tacho -n __fish_tacho_recording -l follow -x -a 'auto bpf connector perf poll ptrace' -d 'How descendants are found'
complete -c tacho -n __fish_tacho_recording -l stream -x -a 'csv tsv jsonl rows directory' -d 'As it is sampled, instead of a recording'
complete -c tacho -n __fish_tacho_recording -l repeat -x -d 'Run the command so many times'
complete -c tacho -n __fish_tacho_recording -l force -d 'Replace the file where it exists'
complete -c tacho -n __fish_tacho_recording -l status -d 'Status line even where the command has the terminal'
complete -c tacho -n __fish_tacho_recording -s q -l quiet -d 'Say nothing but errors'
complete -c tacho -n __fish_tacho_recording -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using record' -x -a '(__fish_complete_subcommand --fcs-skip=2 -o --output -i --interval -d --duration -p --pid --wait --follow --gpu --stream --repeat)'

complete -c tacho -n '__fish_tacho_using report' -l json -d Machine-readable
complete -c tacho -n '__fish_tacho_using report' -l html -r -F -d 'One page for a browser'
complete -c tacho -n '__fish_tacho_using report' -l force -d 'Replace any file'
complete -c tacho -n '__fish_tacho_using report' -l plot -x -a '(__fish_complete_directories)' -d 'Pictures by gnuplot, into a folder'
complete -c tacho -n '__fish_tacho_using report' -l format -x -a '(__fish_complete_list , __fish_tacho_formats)' -d 'Of pictures'
complete -c tacho -n '__fish_tacho_using report' -l metrics -x -a '(__fish_complete_list , __fish_tacho_metrics)' -d 'What to plot'
complete -c tacho -n '__fish_tacho_using report' -l carbon -x -d 'Grams of CO2 a kWh'
complete -c tacho -n '__fish_tacho_using report' -l width -x -d 'Columns to use'
complete -c tacho -n '__fish_tacho_using report' -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using report' -k -a '(__fish_complete_suffix .tacho)'

complete -c tacho -n '__fish_tacho_using diff' -l fail-above -x -d 'Exit with 1 where more has grown by'
complete -c tacho -n '__fish_tacho_using diff' -l metrics -x -a '(__fish_complete_list , __fish_tacho_compared)' -d 'What to show and judge'
complete -c tacho -n '__fish_tacho_using diff' -l json -d Machine-readable
complete -c tacho -n '__fish_tacho_using diff' -l width -x -d 'Columns to use'
complete -c tacho -n '__fish_tacho_using diff' -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using diff' -k -a '(__fish_complete_suffix .tacho)'

complete -c tacho -n '__fish_tacho_using top' -s p -l pid -x -a '(__fish_complete_list , __fish_complete_pids)' -d 'Running processes'
complete -c tacho -n '__fish_tacho_using top' -s i -l interval -x -d 'Seconds between samples'
complete -c tacho -n '__fish_tacho_using top' -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using top' -k -a '(__fish_complete_suffix .tacho)'

complete -c tacho -n '__fish_tacho_using export' -s t -l to -x -a 'csv tsv jsonl sqlite rows log directory ranks openmetrics snakemake nextflow prmon duct chrome perfetto speedscope' -d Format
complete -c tacho -n '__fish_tacho_using export' -s o -l output -rF -d 'File to write'
complete -c tacho -n '__fish_tacho_using export' -l table -x -a 'samples\t"a row for each process and tick" processes\t"a row for each process" machine\t"the machine, the tree, the recorder" scopes\t"a row for each scope" counters\t"a row for each value" labels\t"a row for each label"' -d 'Which table'
complete -c tacho -n '__fish_tacho_using export' -l fields -x -a '(__fish_complete_list , __fish_tacho_fields)' -d Columns
complete -c tacho -n '__fish_tacho_using export' -l list-fields -d 'Say which fields there are'
complete -c tacho -n '__fish_tacho_using export' -l time -x -a 'elapsed\t"seconds since the start" epoch\t"seconds since 1970" rfc3339\t"wall clock in UTC"' -d 'How time is told'
complete -c tacho -n '__fish_tacho_using export' -l fill -d 'Repeat the last known value'
complete -c tacho -n '__fish_tacho_using export' -l force -d 'Overwrite the output'
complete -c tacho -n '__fish_tacho_using export' -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using export' -k -a '(__fish_complete_suffix .tacho)'

complete -c tacho -n '__fish_tacho_using import' -s o -l output -rF -d 'Recording to write'
complete -c tacho -n '__fish_tacho_using import' -l force -d 'Replace the file where it exists'
complete -c tacho -n '__fish_tacho_using import' -l list-formats -d 'Say which logs are read'
complete -c tacho -n '__fish_tacho_using import' -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using import' -F

complete -c tacho -n '__fish_tacho_using info' -l json -d Machine-readable
complete -c tacho -n '__fish_tacho_using info' -s h -l help -d 'Summary of the options'
complete -c tacho -n '__fish_tacho_using info' -k -a '(__fish_complete_suffix .tacho)'

complete -c tacho -n '__fish_tacho_using label' -s q -l quiet -d 'Outside of a recording: say nothing'
complete -c tacho -n '__fish_tacho_using label' -s h -l help -d 'Summary of the options'

complete -c tacho -n '__fish_tacho_using scope' -s c -l category -x -d 'Kind of work'
complete -c tacho -n '__fish_tacho_using scope' -s q -l quiet -d 'Outside of a recording: say nothing'
complete -c tacho -n '__fish_tacho_using scope' -s h -l help -d 'Summary of the options'

complete -c tacho -n '__fish_tacho_using doctor' -l json -d Machine-readable
complete -c tacho -n '__fish_tacho_using doctor' -s h -l help -d 'Summary of the options'
