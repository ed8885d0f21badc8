"""Marks for a folder of learners' notebooks: `python -m course.grade FOLDER --csv FILE`.

How it is built
---------------
Four kinds of processes, of which only the last executes what learners wrote:

1. the grader (`__main__`) reads the files (`reading`), hands them out, notes each file's marks at
   once, writes the table and the pages (`pages`);
2. judges (`judge`), one a core, have the checks, and call them;
3. servers (`inside`), one a judge and chapter, have run the chapter's own cells;
4. learners' processes, which a server forks, one a notebook: they run what differs from the
   chapter's own cells, in the notebook's order. There, `course.checks` holds stand-ins that ask the
   judge. Values go over a socket as JSON (`wire`); a function stays where it is, and the judge's
   check calls it across the socket, with arguments that the check has drawn.

What it promises
----------------
An exercise passes only if the judge's check, called by its own code on the numbers, words and
results that came over the socket, finds them right. No learner's code, no pickle and no object of
a learner's ever is in a process that has the checks, so there is nothing in it to be redefined or
patched; the judge compares the checks' functions and their code after each notebook nevertheless.
A learner's process can say whatever it likes on its socket, but all that it can say are answers.
It is not told whether they are right, and gets `TRIES` verdicts on an exercise, so it cannot guess.

On Linux a learner's process has walls: its own mounts (the system, Python and a course without
checks and solutions, all read-only; 64 MB of memory for what it writes), processes, network
(loopback alone) and user, no privileges, and limits of computing time, memory, processes and
files, which hold for all that it starts. It ends with all of them. No other learner's file, no
mark and no solution is in its sight.

Which verdict counts: of several calls of one check (and one patient) the last that was answered.
A cell that fails, loops or ends the process costs the exercises that have not been judged, not
those that have been: their answers were right.

What it cannot prevent
----------------------
- Answers copied from a neighbour, from the solutions on the web, or read out of the checks at
  home: they are right answers. (While marks are given, neither solutions nor checks can be read,
  but of a chapter whose own cells import its checks' module: the clinic.)
- A test that is asked to tell sick from healthy functions may count its calls, or compare results
  with what it has seen before, as long as the check does not notice.
- A hole in the kernel, or in MXNet's parser of graphs, which reads them where a check compiles a
  function. There is no seccomp filter.
- Where there are no namespaces (macOS, some containers), a learner's process has the instructor's
  rights: it can read and change files, the course included, use the network, leave processes, and
  end the grader. The grader says so at its start.
"""
