import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.runtime.InvokerHelper

/**
 * Run of a Jenkinsfile with stubs in place of Jenkins. The Groovy is real, and a block, a step, a parameter of
 * a step, or a name that is unknown here fails. Each step is recorded with its scope.
 *
 * Not shown: Jenkins' own linter, which also restricts the Groovy within `steps`; its sandbox; the behaviour
 * of plugins; agents; branches of `parallel` at the same time; shell commands, whose text is only recorded.
 */
class Jenkins {
    /** Parts of each block, each at most once. */
    static final Map<String, String> PARTS = [
        pipeline          : 'agent environment options parameters post stages triggers',
        stage             : 'agent environment input options parallel post stages steps when',
        agent             : 'label',
        'pipeline options': 'buildDiscarder disableConcurrentBuilds skipDefaultCheckout timeout timestamps',
        'stage options'   : 'timeout',
        post              : 'always cleanup failure fixed success unsuccessful',
        input             : 'message ok submitter',
        triggers          : 'cron githubPush',
        environment       : '',
    ]
    /** Parts of each block that may repeat them. */
    static final Map<String, String> LISTS = [
        parameters: 'choice string',
        when      : 'beforeAgent beforeInput branch expression not triggeredBy',
        stages    : 'stage',
        parallel  : 'stage',
    ]
    /** Kinds of work, of which a stage has one. */
    static final List<String> WORK = ['parallel', 'stages', 'steps']

    /** Steps and values with their parameters; the first is the one that needs no name. */
    static final Map<String, List<String>> STEPS = [
        archiveArtifacts  : ['artifacts', 'allowEmptyArchive'],
        checkout          : ['scm'],
        cleanWs           : [],
        culprits          : [],
        emailext          : ['subject', 'body', 'to', 'recipientProviders'],
        file              : ['credentialsId', 'variable'],
        junit             : ['testResults'],
        lock              : ['resource'],
        logRotator        : ['numToKeepStr', 'artifactNumToKeepStr'],
        milestone         : ['ordinal', 'label'],
        node              : ['label'],
        readFile          : ['file'],
        recordCoverage    : ['enabledForFailure', 'tools', 'qualityGates'],
        requestor         : [],
        script            : [],
        sh                : ['script'],
        stash             : ['name', 'includes'],
        string            : ['credentialsId', 'variable'],
        timeout           : ['time', 'unit'],
        unstash           : ['name'],
        usernamePassword  : ['credentialsId', 'usernameVariable', 'passwordVariable'],
        waitForQualityGate: ['abortPipeline'],
        withCredentials   : ['bindings'],
        withEnv           : ['overrides'],
        withSonarQubeEnv  : ['installationName'],
    ]

    /** Failure of a command or a rejected approval, which fails the stage. */
    static class Failure extends RuntimeException {}

    /** Returns the class of a Jenkinsfile, or fails if it is not Groovy. */
    static Class compile(String text) {
        def options = new CompilerConfiguration(scriptBaseClass: Code.name)
        new GroovyShell(Jenkins.classLoader, new Binding(), options).parse(text, 'Jenkinsfile').class
    }

    /** Circumstances: variables, parameters, cause, and the number of the command that fails. Without parameters
     * no stage runs. */
    Map scenario
    List<Map> trace = []
    Block model
    boolean isSuccessful = true
    private Code code
    private Map scope = [agent: null, path: ['pipeline'], locks: [], secrets: [], files: [:], limits: [],
                         approvals: [], variables: [:], within: []]
    private int commands = 0
    private Set<String> stashes = []

    static reject(String problem) { throw new IllegalArgumentException(problem) }

    static Jenkins run(Class file, Map scenario) {
        def jenkins = new Jenkins(scenario: scenario)
        jenkins.scope.variables = scenario.env
        jenkins.code = InvokerHelper.createScript(file, new Binding([jenkins: jenkins])) as Code
        jenkins.code.run()
        if (jenkins.model == null) reject('no block is called pipeline')
        jenkins
    }

    def value(String name) {
        switch (name) {
            case 'env': return scope.variables
            case 'params': return scenario.params.withDefault { reject("no parameter is called $it") }
            case 'none': case 'scm': return name
            default: reject("nothing is called $name")
        }
    }

    void pipeline(Closure body) {
        if (model != null) reject('two blocks are called pipeline')
        model = build('pipeline', null, body)
        ['agent', 'stages'].each { if (!model.named(it)) reject("pipeline lacks $it") }
        if (scenario.params == null) return
        try {
            stage(model)
        } catch (Failure ignored) {
            isSuccessful = false
        }
    }

    def part(Block block, String name, List args) {
        if (name == 'logRotator') return step(name, args)
        def known = LISTS[block.kind] ?: PARTS[block.kind]
        if (!(name in known.tokenize())) reject("$block.kind has no $name")
        if (!(block.kind in LISTS) && block.named(name)) reject("$block.kind has $name twice")
        def kind = name == 'options' ? "$block.kind options".toString() : name == 'not' ? 'when' : name
        def isBlock = PARTS.containsKey(kind) || LISTS.containsKey(kind)
        def body = args && args.last() instanceof Closure ? args.last() : null
        def title = args && args.first() instanceof String ? args.first() : null
        def inner = isBlock && body ? build(kind, title, body) : null
        block.parts << [name: name, args: args, block: inner]
    }

    private Block build(String kind, String title, Closure body) {
        def block = new Block(jenkins: this, kind: kind, title: title)
        called(body, block)
        if (kind == 'input' && !block.named('message')) reject('input lacks message')
        if (kind in ['stages', 'parallel'] && !block.parts) reject("$kind lacks a stage")
        if (kind == 'stage') {
            def work = block.parts.findAll { it.name in WORK }
            if (work.size() != 1) reject("stage '$title' has ${work.size()} of ${WORK.join('|')}")
        }
        block
    }

    private static called(Closure body, receiver) {
        def copy = body.clone() as Closure
        copy.delegate = receiver
        copy.resolveStrategy = Closure.DELEGATE_ONLY
        copy.call()
    }

    private void within(Map change, Closure body) {
        def before = scope
        scope = scope + change
        try {
            body.call()
        } finally {
            scope = before
        }
    }

    /** Runs a stage, or the pipeline, which has no conditions and no input. */
    private void stage(Block block) {
        def options = block.inner("options")
        def limits = options ? options.named('timeout').collect { limit(it.args.first() as Map) } : []
        def path = block.title ? scope.path + block.title : scope.path
        within(path: path, limits: scope.limits + limits) {
            def when = block.inner('when')
            def input = block.inner('input')
            if (when?.first('beforeInput') && !meets(when)) return
            within(approvals: input ? scope.approvals + approval(input) : scope.approvals) {
                if (!when || meets(when)) allocated(block)
            }
        }
    }

    private Map limit(Map given) { given + [locks: scope.locks] }

    private List approval(Block input) {
        record('input', [submitter: input.first('submitter')])
        if (scenario.rejects) throw new Failure()
        [input.first('submitter')]
    }

    private boolean meets(Block when) {
        when.parts.every { part ->
            switch (part.name) {
                case 'branch': return scenario.env.BRANCH_NAME == part.args[0]
                case 'expression': return called(part.args[0] as Closure, code)
                case 'not': return !meets(part.block as Block)
                case 'triggeredBy': return scenario.cause == part.args[0]
                default: return true
            }
        }
    }

    private void allocated(Block block) {
        def agent = block.first('agent')
        def label = block.inner('agent')?.first('label')
        def own = label ? [label: label, files: false, stage: block.title ?: block.kind] : null
        def allocation = own ?: (agent == 'none' ? null : scope.agent)
        def assigned = block.inner('environment')?.assigned ?: [:]
        within(agent: allocation, variables: scope.variables + assigned) {
            Failure failure = null
            try {
                work(block)
            } catch (Failure stopped) {
                failure = stopped
            }
            def holds = [always: true, fixed: !failure && scenario.previous == 'FAILURE', failure: failure,
                         success: !failure, unsuccessful: failure, cleanup: true]
            holds.findAll { it.value }.each { name, ignored ->
                block.inner('post')?.named(name)?.each { called(it.args[0] as Closure, code) }
            }
            if (failure) throw failure
        }
    }

    private void work(Block block) {
        def work = block.parts.find { it.name in WORK }
        if (work.name == 'steps') {
            def before = trace.size()
            called(work.args[0] as Closure, code)
            if (trace.size() == before) reject("stage '$block.title' has no step")
            return
        }
        def isParallel = work.name == 'parallel'
        if (isParallel && 'parallel' in scope.within) reject('parallel within parallel')
        Failure failure = null
        within(within: scope.within + work.name) {
            for (part in (work.block as Block).parts) {
                try {
                    stage(part.block as Block)
                } catch (Failure stopped) {
                    failure = stopped
                    if (!isParallel) throw stopped
                }
            }
        }
        if (failure) throw failure
    }

    private void record(String step, Map more) {
        trace << scope + [step: step] + more
    }

    def step(String name, List args) {
        def parameters = STEPS[name]
        if (parameters == null) reject("no step is called $name")
        def body = args && args.last() instanceof Closure ? args.last() as Closure : null
        def rest = body ? args.dropRight(1) : args
        def given = rest && rest[0] instanceof Map ? rest[0] as Map : rest ? [(parameters[0]): rest[0]] : [:]
        given.keySet().each { if (!(it in parameters)) reject("$name has no parameter $it") }
        def inner = { Map change = [:] -> within(change) { called(body, code) } }
        switch (name) {
            case ['file', 'string', 'usernamePassword']: return binding(name, given)
            case ['culprits', 'requestor', 'logRotator']: return name
            case 'script': return inner()
            case 'lock': return inner(locks: scope.locks + given.resource)
            case 'timeout': return inner(limits: scope.limits + [limit(given)])
            case 'node': return inner(agent: [label: given.label, files: true, stage: 'node'])
            case 'withSonarQubeEnv': return inner()
            case 'withEnv':
                def overrides = given.overrides.collectEntries { it.toString().split('=', 2) as List }
                return inner(variables: scope.variables + overrides)
            case 'withCredentials': return credentials(given.bindings as List<Map>, inner)
        }
        record(name, given)
        switch (name) {
            case 'sh': return command()
            case 'checkout': scope.agent.files = true; break
            case 'stash': stashes << (given.name as String); break
            case 'unstash':
                if (!(given.name in stashes)) reject("nothing is stashed as $given.name")
                break
            case 'readFile': return "sha256:published\n"
        }
    }

    private Map binding(String kind, Map given) {
        if (given.size() != STEPS[kind].size()) reject("$kind is not bound by a credentialsId")
        given + [kind: kind]
    }

    private void credentials(List<Map> bindings, Closure inner) {
        record('withCredentials', [:])
        def variables = bindings.collectMany { [it.variable, it.usernameVariable, it.passwordVariable].findAll() }
        def secrets = bindings.findAll { it.kind != 'file' }.collect { it.variable ?: it.passwordVariable }
        def files = bindings.findAll { it.kind == 'file' }.collectEntries { [it.variable, it.credentialsId.toString()] }
        inner(variables: scope.variables + variables.collectEntries { [it, 'bound'] },
            secrets: scope.secrets + secrets, files: scope.files + files)
    }

    private void command() {
        if (scope.agent == null) reject('sh runs on no agent')
        if (commands++ == scenario.fails) throw new Failure()
    }
}
