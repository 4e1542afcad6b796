# bash completion for tacho(1). Works alone; with bash-completion loaded it also completes the
# arguments of the command that is recorded.

# Candidates for the last item of a list with commas: $1 the word so far, the rest the items.
_tacho_list()
{
    local head='' last=$1 item
    case $1 in
    *,*)
        head=${1%,*},
        last=${1##*,}
        ;;
    esac
    shift
    for item; do
        [[ $item == "$last"* && ,$head != *,"$item",* ]] && COMPREPLY+=("$head$item")
    done
    compopt -o nospace 2>/dev/null
}

_tacho_pids()
{
    local pid
    local -a pids=()
    for pid in /proc/[0-9]*; do
        pids+=("${pid#/proc/}")
    done
    _tacho_list "$1" "${pids[@]}"
}

_tacho_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "$2" -- "$1")
}

_tacho_recordings()
{
    _tacho_files "$1" '!*.tacho'
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$1")
}

_tacho_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

# The fields of the table on the command line, as this tacho lists them.
_tacho_fields()
{
    local i table=samples
    local -a fields
    for ((i = 2; i < ${#words[@]} - 1; i++)); do
        [[ ${words[i]} == --table ]] && table=${words[i + 1]}
        [[ ${words[i]} == --table=* ]] && table=${words[i]#*=}
    done
    mapfile -t fields < <("${words[0]}" export --list-fields --table "$table" 2>/dev/null |
        sed -n 's/^[* ] \([a-z0-9_]*\) .*/\1/p')
    _tacho_list "$1" all default "${fields[@]}"
}

# Where the recorded command stands among the words; 0 while there is none.
_tacho_command_at()
{
    local i
    for ((i = 2; i < cword; i++)); do
        case ${words[i]} in
        --) echo $((i + 1)) && return ;;
        -[oidp] | --output | --interval | --duration | --pid | --wait | --follow | --gpu | --stream | --repeat)
            ((i++))
            ;;
        -*) ;;
        *) echo "$i" && return ;;
        esac
    done
    # The word being typed is the command itself, or an option before it.
    [[ $cur == -* ]] && echo 0 || echo "$cword"
}

_tacho_record()
{
    local at
    case $prev in
    -o | --output) _tacho_files "$cur" ''; return ;;
    -p | --pid) _tacho_pids "$cur"; return ;;
    -i | --interval | -d | --duration | --repeat) return ;;
    --wait) _tacho_words "$cur" 'root tree'; return ;;
    --gpu) _tacho_words "$cur" 'auto none'; return ;;
    --follow) _tacho_words "$cur" 'auto bpf connector perf poll ptrace'; return ;;
    --stream) _tacho_words "$cur" 'csv tsv jsonl rows directory'; return ;;
    esac
    at=$(_tacho_command_at)
    if ((at == 0)); then
        _tacho_words "$cur" '--output --interval --duration --pid --all --wait --follow --gpu --stream
            --repeat --force --status --quiet --help'
    elif ((at < cword)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset $((at + shift))
        else
            _tacho_files "$cur" ''
        fi
    else
        mapfile -t COMPREPLY < <(compgen -c -- "$cur" | sort -u)
        [[ $cur == */* ]] && _tacho_files "$cur" ''
    fi
}

_tacho_export()
{
    case $prev in
    -t | --to) _tacho_words "$cur" 'csv tsv jsonl sqlite rows log directory ranks openmetrics snakemake nextflow prmon duct chrome perfetto speedscope'; return ;;
    -o | --output) _tacho_files "$cur" ''; return ;;
    --table) _tacho_words "$cur" 'samples processes machine scopes counters labels'; return ;;
    --fields) _tacho_fields "$cur"; return ;;
    --time) _tacho_words "$cur" 'elapsed epoch rfc3339'; return ;;
    esac
    if [[ $cur == -* ]]; then
        _tacho_words "$cur" '--to --output --table --fields --list-fields --time --fill --force
            --help'
    else
        _tacho_recordings "$cur"
    fi
}

_tacho_report()
{
    case $prev in
    --width | --carbon) return ;;
    --html) _tacho_files "$cur" ''; return ;;
    --plot) _tacho_files "$cur" ''; return ;;
    --format) _tacho_list "$cur" svg png pdf; return ;;
    --metrics)
        _tacho_list "$cur" cpu memory kinds virtual storage calls requests tcp threads processors \
            descriptors faults switches machine-cpu machine-memory load network disks paging pressure
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        _tacho_words "$cur" '--json --html --force --plot --format --metrics --carbon --width --help'
    else
        _tacho_recordings "$cur"
    fi
}

_tacho_diff()
{
    case $prev in
    --width | --fail-above) return ;;
    --metrics)
        _tacho_list "$cur" wall cpu user system peak_rss peak_pss read_bytes write_bytes processes \
            scopes categories
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        _tacho_words "$cur" '-- --fail-above --metrics --json --width --help'
    else
        _tacho_recordings "$cur"
    fi
}

_tacho_top()
{
    case $prev in
    -p | --pid) _tacho_pids "$cur"; return ;;
    -i | --interval) return ;;
    esac
    if [[ $cur == -* ]]; then
        _tacho_words "$cur" '--pid --interval --help'
    else
        _tacho_recordings "$cur"
    fi
}

_tacho_import()
{
    case $prev in
    -o | --output) _tacho_files "$cur" ''; return ;;
    esac
    if [[ $cur == -* ]]; then
        _tacho_words "$cur" '--output --force --list-formats --help'
    else
        _tacho_files "$cur" ''
    fi
}

_tacho_info()
{
    if [[ $cur == -* ]]; then
        _tacho_words "$cur" '--json --help'
    else
        _tacho_recordings "$cur"
    fi
}

_tacho_label()
{
    [[ $cur == -* ]] && _tacho_words "$cur" '--quiet --help'
}

_tacho_scope()
{
    [[ $prev == -c || $prev == --category ]] && return
    [[ $cur == -* ]] && _tacho_words "$cur" '--category --quiet --help'
}

_tacho_doctor()
{
    _tacho_words "$cur" '--json --help'
}

_tacho()
{
    # bash splits --option=value at the '='; here it is one option and its value.
    local cur prev cword i shift=0
    local -a words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == '=' && ${words[-1]-} == --* ]]; then
            ((shift++))
        else
            words+=("${COMP_WORDS[i]}")
        fi
    done
    [[ ${COMP_WORDS[COMP_CWORD]} == '=' ]] && words+=('')
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword - 1]}
    COMPREPLY=()
    if ((cword == 1)); then
        _tacho_words "$cur" 'record report diff top export import info label scope doctor --help --version'
        return
    fi
    case ${words[1]} in
    record | report | diff | top | export | import | info | label | scope | doctor) "_tacho_${words[1]}" ;;
    esac
}

complete -F _tacho tacho
