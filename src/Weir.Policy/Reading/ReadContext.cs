// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Collects the problems of one file.</summary>
internal sealed class ReadContext(string file, int firstLine, bool isKept = false)
{
    private const int MostProblems = 200;
    private readonly List<Problem> _problems = [];

    public string File { get; } = file;

    /// <summary>What was accepted once stays accepted: it is in force, and the agent must start.</summary>
    public bool IsKept { get; } = isKept;

    public IReadOnlyList<Problem> Problems => _problems;

    public bool HasErrors { get; private set; }

    public SourceLocation Location(Node node) => Location(node.Line, node.Column);

    /// <param name="line">Line of the text, from 1.</param>
    /// <param name="column">Column, from 1.</param>
    public SourceLocation Location(int line, int column) => new(File, line + firstLine - 1, column);

    public void Error(Node node, string message) => Add(Location(node), message, Severity.Error);

    public void Error(SourceLocation location, string message) => Add(location, message, Severity.Error);

    public void Warn(Node node, string message) => Add(Location(node), message, Severity.Warning);

    public void Notice(Node node, string message) => Add(Location(node), message, Severity.Notice);

    private void Add(SourceLocation location, string message, Severity severity)
    {
        HasErrors |= severity == Severity.Error;
        if (_problems.Count < MostProblems)
        {
            _problems.Add(new Problem(location, message, severity));
        }
        else if (_problems.Count == MostProblems)
        {
            _problems.Add(new Problem(location, "too many problems; the rest is not listed", HasErrors ? Severity.Error : Severity.Warning));
        }
    }
}
