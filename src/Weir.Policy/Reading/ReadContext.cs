// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Collects the problems of one file.</summary>
internal sealed class ReadContext(string file, int firstLine)
{
    private const int MostProblems = 200;
    private readonly List<Problem> _problems = [];

    public string File { get; } = file;

    public IReadOnlyList<Problem> Problems => _problems;

    public bool HasErrors { get; private set; }

    public SourceLocation Location(Node node) => Location(node.Line, node.Column);

    /// <param name="line">Line of the text, from 1.</param>
    /// <param name="column">Column, from 1.</param>
    public SourceLocation Location(int line, int column) => new(File, line + firstLine - 1, column);

    public void Error(Node node, string message) => Add(Location(node), message, isWarning: false);

    public void Error(SourceLocation location, string message) => Add(location, message, isWarning: false);

    public void Warn(Node node, string message) => Add(Location(node), message, isWarning: true);

    private void Add(SourceLocation location, string message, bool isWarning)
    {
        HasErrors |= !isWarning;
        if (_problems.Count < MostProblems)
        {
            _problems.Add(new Problem(location, message, isWarning));
        }
        else if (_problems.Count == MostProblems)
        {
            _problems.Add(new Problem(location, "too many problems; the rest is not listed", !HasErrors));
        }
    }
}
