// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Cli;

/// <summary>"weir completion": scripts that let the shell ask this executable what could come next.</summary>
internal static class CompletionCommand
{
    internal static Command Build()
    {
        var command = new Command("completion", "Print a script that completes commands in your shell.");
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        command.Arguments.Add(shell);
        command.SetAction(parsed => Console.Write(ScriptFor(parsed.GetRequiredValue(shell))));
        return command.WithExample("source <(weir completion bash)", "weir completion fish > ~/.config/fish/completions/weir.fish");
    }

    private static string ScriptFor(string shell) => shell switch
    {
        "bash" => """
            _weir() {
                local word=${COMP_WORDS[COMP_CWORD]}
                mapfile -t COMPREPLY < <(compgen -W "$(weir "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2> /dev/null)" -- "$word")
            }
            complete -o default -F _weir weir

            """,
        "zsh" => """
            #compdef weir
            _weir() {
                local -a found
                found=("${(@f)$(weir "[suggest:${CURSOR}]" "$BUFFER" 2> /dev/null)}")
                compadd -a found
            }
            compdef _weir weir

            """,
        _ => """
            complete -c weir -f -a '(weir "[suggest:"(commandline -C)"]" (commandline) 2> /dev/null)'

            """,
    };
}
